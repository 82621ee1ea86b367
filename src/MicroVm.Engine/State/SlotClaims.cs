using System.Globalization;
using MicroVm.Engine.Errors;

namespace MicroVm.Engine.State;

/// <summary>Which VM has which network slot: a number that stands for an address of the host's pool.</summary>
internal sealed class SlotClaims(MachineStore store)
{
    // What was given last, so that the next one need not look through all of them, and a slot that was given back rests for as long as it can.
    private const string CursorFile = ".last";

    private readonly LinkClaims _claims = new(store, store.Paths.SlotsDirectory, (record, slot) => record.Network?.Slots.Any(own => own is { } number && KeyOf(number) == slot) == true);

    /// <summary>Claims the next free slot for a VM whose directory exists and is locked by the caller.</summary>
    /// <param name="id">The VM.</param>
    /// <param name="capacity">How many there are; they are 1 to this.</param>
    /// <exception cref="MicroVmException"><see cref="ErrorIds.NoFreeSlot"/>.</exception>
    public int Claim(Guid id, int capacity)
    {
        int last = ReadCursor();
        for (int i = 0; i < capacity; i++)
        {
            int slot = ((last + i) % capacity) + 1;
            string key = KeyOf(slot);
            // Its own, of another interface, is taken as well.
            if (_claims.Find(key) != id && _claims.Claim(key, id) is null)
            {
                WriteCursor(slot);
                return slot;
            }
        }

        throw new MicroVmException(
            ErrorIds.NoFreeSlot, ErrorKind.ResourceUnavailable, string.Create(CultureInfo.InvariantCulture, $"All {capacity} addresses of the pool are taken by VMs."))
        {
            RecommendedAction = "Remove VMs that are not needed, or give a larger pool: Set-MicroVmHost -AddressPool",
        };
    }

    /// <summary>Gives a slot back, if that VM has it.</summary>
    public void Release(int slot, Guid id) => _claims.Release(KeyOf(slot), id);

    /// <summary>Frees a slot that no VM has any more.</summary>
    /// <returns>Whether there was one to free.</returns>
    public bool ReleaseStale(int slot) => _claims.ReleaseStale(KeyOf(slot));

    /// <summary>All slots that are claimed, with the VMs the claims name.</summary>
    public IEnumerable<(int Slot, Guid Machine)> All()
    {
        foreach (string key in _claims.All())
        {
            if (int.TryParse(key, NumberStyles.None, CultureInfo.InvariantCulture, out int slot) && _claims.Find(key) is { } id)
            {
                yield return (slot, id);
            }
        }
    }

    private static string KeyOf(int slot) => slot.ToString(CultureInfo.InvariantCulture);

    // Two who read the same begin at the same slot; one of them takes the next.
    private int ReadCursor()
    {
        try
        {
            return int.TryParse(File.ReadAllText(CursorPath), NumberStyles.None, CultureInfo.InvariantCulture, out int last) ? last : 0;
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            return 0;
        }
    }

    private void WriteCursor(int slot) => File.WriteAllText(CursorPath, KeyOf(slot));

    private string CursorPath => Path.Combine(store.Paths.SlotsDirectory, CursorFile);
}
