using MicroVm.Bench.Baselines;
using MicroVm.Engine.Machines;
using MicroVm.Engine.Snapshots;

namespace MicroVm.Bench.Figures;

/// <summary>Restoring a snapshot as a running clone, against the least that QEMU needs for it.</summary>
internal static class RestoreFigure
{
    private const double TargetOverBare = 1.3;
    private const double TargetOverSmall = 1.15;

    /// <summary>Takes the figure.</summary>
    public static Figure Take(Workshop workshop)
    {
        Snapshot small = SnapshotOf(workshop, 256, suspended: true);
        Snapshot big = SnapshotOf(workshop, 2048, suspended: true);
        Snapshot running = SnapshotOf(workshop, 256, suspended: false);
        BareRestore bareSmall = new(workshop, small, "bare-small");
        BareRestore bareBig = new(workshop, big, "bare-big");
        List<Series> series = Sampler.Interleave(
            3,
            workshop.Options.Samples(30),
            Candidate.Ours("engine: Restore-MicroVm, 256 MiB", () => Engine(workshop, small)),
            Candidate.Baseline("bare client, 256 MiB", bareSmall.Take),
            Candidate.Ours("engine: Restore-MicroVm, 2 GiB", () => Engine(workshop, big)),
            Candidate.Baseline("bare client, 2 GiB", bareBig.Take),
            Candidate.Ours("engine: Restore-MicroVm, 256 MiB, with fixups", () => Engine(workshop, running, fixups: true)));
        List<Series> fresh = Sampler.Interleave(
            1,
            workshop.Options.Samples(12),
            Candidate.Ours("Restore-MicroVm 256 MiB, first call in a fresh pwsh", () => Fresh(workshop, small)),
            Candidate.Baseline("bare client, beside it", bareSmall.Take));
        workshop.Remove(small);
        workshop.Remove(big);
        workshop.Remove(running);
        return new Figure(
            "restore",
            "Restore a snapshot as a running clone",
            "Real QEMU, a guest that was past its ready marker. The engine checks the snapshot, copies the disk, isolates QEMU, loads the state, lets "
            + "the guest run and records the VM. The bare client starts QEMU with the same arguments and does migrate-incoming and cont, without "
            + "isolation, checks, records or disk copy. Where fixups are not named, nothing is done in the guest (-NoFixup, of a VM that was paused when it was "
            + "saved); with them clock, random numbers, host name and machine id are set before its workload goes on. A new QEMU translates all guest code "
            + "that takes anew: under TCG that is most of it.",
            [.. series, .. fresh],
            [
                Verdict.AtMost("engine against the bare client, 256 MiB", series[0].Median / series[1].Median, TargetOverBare),
                Verdict.AtMost("engine against the bare client, 2 GiB", series[2].Median / series[3].Median, TargetOverBare),
                Verdict.AtMost("2 GiB against 256 MiB", series[2].Median / series[0].Median, TargetOverSmall),
                Verdict.Time("what the fixups take", series[4].Median - series[0].Median),
                Verdict.AtMost("first call in a fresh pwsh against the bare client", fresh[0].Median / fresh[1].Median, TargetOverBare),
            ]);
    }

    private static double Fresh(Workshop workshop, Snapshot snapshot) =>
        Pwsh.RunScript("FirstRestore.ps1", [workshop.Module, snapshot.VMName, snapshot.Name], workshop.Environment)[0];

    private static Snapshot SnapshotOf(Workshop workshop, long memoryMiB, bool suspended)
    {
        VirtualMachine vm = workshop.Create(memoryMiB);
        workshop.WaitReady(vm);
        if (suspended)
        {
            workshop.Suspend(vm);
        }

        Snapshot snapshot = workshop.Save(vm);
        workshop.Remove(vm);
        return snapshot;
    }

    private static double Engine(Workshop workshop, Snapshot snapshot, bool fixups = false)
    {
        VirtualMachine? vm = null;
        double time = Sampler.Time(() => vm = workshop.Restore(snapshot, fixups));
        workshop.Remove(vm!);
        return time;
    }
}
