using System.Globalization;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;
using MicroVm.Engine;
using MicroVm.Engine.Guest;
using MicroVm.Engine.Machines;

namespace MicroVm.Samples;

/// <summary>
/// A count that lives in a shell variable of the guest, and so in its memory alone. A clone that goes on with the next number has that memory.
/// </summary>
internal sealed partial class Counter(MicroVmEngine engine, VirtualMachine vm)
{
    private const string Command = "i=0; while usleep 100000; do i=$((i+1)); echo tick $i; done &\n";

    /// <summary>The last tick the VM wrote.</summary>
    public int LastTick => TicksIn(File.ReadAllText(vm.SerialLogPath!))[^1];

    /// <summary>Types the command on the VM's serial console, and waits for a tick.</summary>
    public async Task<int> StartAsync(int untilTick, CancellationToken cancellationToken)
    {
        using (Socket console = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            await console.ConnectAsync(new UnixDomainSocketEndPoint(vm.SerialSocketPath!), cancellationToken);
            await console.SendAsync(Encoding.ASCII.GetBytes(Command), cancellationToken);
            await WaitForTickAsync(vm, untilTick, cancellationToken);
        }

        return untilTick;
    }

    /// <summary>The first ticks of a clone of the VM, which stands still.</summary>
    /// <exception cref="InvalidDataException">They are not the ones that follow the VM's.</exception>
    public async Task<IReadOnlyList<int>> FollowAsync(VirtualMachine clone, int ticks, CancellationToken cancellationToken)
    {
        // Joined, for the VM may have stopped in the middle of a line, and its clone wrote the rest.
        string before = await File.ReadAllTextAsync(vm.SerialLogPath!, cancellationToken);
        int last = TicksIn(before)[^1];
        await WaitForTickAsync(clone, last + ticks, cancellationToken);
        string after = await File.ReadAllTextAsync(clone.SerialLogPath!, cancellationToken);
        List<int> all = TicksIn(before + after);
        return all.SequenceEqual(Enumerable.Range(1, all.Count)) && all.Count >= last + ticks
            ? all.GetRange(last, ticks)
            : throw new InvalidDataException($"{clone.Name} does not go on where {vm.Name} stood: {string.Join(' ', all)}");
    }

    private async Task WaitForTickAsync(VirtualMachine machine, int tick, CancellationToken cancellationToken)
    {
        await foreach (string line in engine.ReadLogAsync(machine.Id, LogSource.Serial, tail: null, follow: true, cancellationToken))
        {
            if (TicksIn(line + "\n") is [int found] && found >= tick)
            {
                return;
            }
        }

        throw new InvalidDataException($"{machine.Name} ended before tick {tick}.");
    }

    private static List<int> TicksIn(string console) =>
        [.. Tick().Matches(console).Select(match => int.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture))];

    // The first one may follow the shell's prompt.
    [GeneratedRegex(@"tick (\d+)\r?\n")]
    private static partial Regex Tick();
}
