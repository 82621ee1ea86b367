using System.Globalization;
using MicroVm.Bench.Baselines;
using MicroVm.Engine.Machines;
using MicroVm.Engine.Snapshots;

namespace MicroVm.Bench.Figures;

/// <summary>Many clones of one snapshot at once: how fast they come, and what memory they take.</summary>
internal static class CloneFigure
{
    private const int Count = 64;
    private const double TargetOverBare = 0.8;
    private const double TargetShare = 0.1;

    // What New-MicroVm and Restore-MicroVm do unless they are told otherwise.
    private static readonly int s_atATime = Math.Max(2, Environment.ProcessorCount);

    /// <summary>Takes the figure.</summary>
    public static Figure Take(Workshop workshop)
    {
        VirtualMachine origin = workshop.Create();
        workshop.WaitReady(origin);
        workshop.Suspend(origin);
        Snapshot snapshot = workshop.Save(origin);
        workshop.Remove(origin);
        BareRestore[] bare = [.. Enumerable.Range(0, Count).Select(i => new BareRestore(workshop, snapshot, $"bare-clone-{i}"))];
        List<double> memoryMiB = [];
        List<Series> series = Sampler.Interleave(
            1,
            workshop.Options.Samples(5),
            Candidate.Ours($"engine: {Count} clones", () => Engine(workshop, snapshot, memoryMiB)),
            Candidate.Baseline($"bare client: {Count} clones", () => Bare(bare)));
        workshop.Remove(snapshot);
        double memory = new Series("memory", memoryMiB).Median;
        double guestMiB = snapshot.MemoryBytes / (double)(1 << 20);
        return new Figure(
            "clones",
            "Many clones",
            string.Create(
                CultureInfo.InvariantCulture,
                $"Real QEMU, {Count} clones of a snapshot of {guestMiB:0} MiB, {s_atATime} at a time, without fixups; all have to run. The bare client starts the same QEMU as often, as many ")
            + "at a time, with disks that were copied before; the engine copies them, isolates, records. Memory is the proportional set size of each clone's QEMU "
            + "(/proc/PID/smaps_rollup) with all of them running, after the last one started: what it has for itself and its part of what is shared.",
            series,
            [
                Verdict.AtLeast("clones per second, engine against the bare client", series[1].Median / series[0].Median, TargetOverBare),
                new Verdict("clones per second, engine", FormattableString.Invariant($"{Count / series[0].Median * 1000:0.0}")),
                new Verdict("memory of a clone", FormattableString.Invariant($"{memory:0.0} MiB")),
                Verdict.AtMost("the same against the guest's memory", memory / guestMiB, TargetShare),
            ]);
    }

    private static double Engine(Workshop workshop, Snapshot snapshot, List<double> memoryMiB)
    {
        VirtualMachine[] clones = new VirtualMachine[Count];
        double time = Sampler.Time(() => AtATime(i => clones[i] = workshop.Restore(snapshot)));
        foreach (VirtualMachine clone in clones)
        {
            if (workshop.Engine.FindMachine(clone.Id) is not { State: MicroVm.Engine.VmState.Running })
            {
                throw new InvalidOperationException($"Clone {clone.Name} does not run.");
            }

            memoryMiB.Add(Processes.ProportionalMiB(clone.ProcessId!.Value));
        }

        AtATime(i => workshop.Remove(clones[i]));
        return time;
    }

    private static double Bare(BareRestore[] bare)
    {
        BareClient[] clones = new BareClient[Count];
        foreach (BareRestore each in bare)
        {
            each.CopyDisk();
        }

        double time = Sampler.Time(() => AtATime(i => clones[i] = bare[i].Start()));
        foreach (BareClient clone in clones)
        {
            clone.Dispose();
        }

        return time;
    }

    private static void AtATime(Action<int> work) => Parallel.For(0, Count, new ParallelOptions { MaxDegreeOfParallelism = s_atATime }, work);
}
