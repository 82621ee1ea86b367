using System.Text.RegularExpressions;
using MicroVm.Engine.Machines;
using MicroVm.Engine.Snapshots;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.RealQemu;

/// <summary>A workload that draws 32 random bytes again and again, and what clones of it draw.</summary>
internal sealed partial class RandomDraws(QemuHome home)
{
    private const string Loop = "i=0; while :; do i=$((i+1)); echo draw $i $(head -c 32 /dev/urandom | md5sum); usleep 5000; done";

    /// <summary>Starts the workload in a new VM and takes a snapshot of it.</summary>
    public async Task<Snapshot> PrepareAsync(string name)
    {
        VirtualMachine source = await home.CloneAsync(name);
        await new Guest(source).AskAsync(Loop, "draw 3 ");
        // A guest that booted seconds ago makes a new key each second (crng_has_old_seed in drivers/char/random.c of Linux 6.1). Of a key that was just made
        // clones draw the same for the rest of that second, unless they are told otherwise.
        await home.Engine.UpdateEntropyAsync(source.Id, NullObserver.Instance, CancellationToken.None);
        Snapshot snapshot = await home.SaveAsync(source, "drawing");
        await home.RemoveAsync(source);
        return snapshot;
    }

    /// <summary>The first draw that two clones make after their restore.</summary>
    public async Task<(string One, string Two)> PairAsync(Snapshot snapshot, string name, bool noFixup)
    {
        VirtualMachine[] clones = new VirtualMachine[2];
        for (int i = 0; i < clones.Length; i++)
        {
            RestoreOptions options = new() { NewName = $"{name}-{i}", NoFixup = noFixup };
            clones[i] = await home.Engine.RestoreAsync(snapshot.SnapshotId, options, NullObserver.Instance, CancellationToken.None);
            Assert.Equal(noFixup ? FixupResult.Skipped : FixupResult.Done, clones[i].Fixups.Single(fixup => fixup.Name == GuestFixup.Entropy).Result);
        }

        string[] first = new string[2];
        for (int i = 0; i < clones.Length; i++)
        {
            first[i] = await FirstAsync(clones[i]);
            await home.RemoveAsync(clones[i]);
        }

        return (first[0], first[1]);
    }

    // What was drawn before the freeze may be said after it: the second whole line is the first of a draw that can only have been made since.
    private static async Task<string> FirstAsync(VirtualMachine clone)
    {
        long deadline = Environment.TickCount64 + (long)Limits.Generous.TotalMilliseconds;
        while (true)
        {
            MatchCollection draws = Draw().Matches(new Guest(clone).Text);
            if (draws.Count >= 2)
            {
                return draws[1].Value;
            }

            Assert.True(Environment.TickCount64 < deadline, "The clone draws nothing.");
            await Task.Delay(5);
        }
    }

    [GeneratedRegex(@"draw \d+ [0-9a-f]{32} -(?=\r?\n)")]
    private static partial Regex Draw();
}
