using MicroVm.Engine;
using MicroVm.Engine.Guest.Commands;
using MicroVm.Engine.Machines;
using MicroVm.Engine.Snapshots;

namespace MicroVm.Bench.Figures;

/// <summary>Boots and snapshots, for information.</summary>
internal static class SaveFigure
{
    private const double TargetOverFirst = 1.5;
    private const int DirtyMiB = 32;

    /// <summary>Takes the figure.</summary>
    public static Figure Take(Workshop workshop)
    {
        List<double> boot = [];
        Generation[] generations = [new("first generation"), new("clone"), new("clone of a clone")];
        for (int i = 0; i < workshop.Options.Samples(10); i++)
        {
            VirtualMachine? vm = null;
            boot.Add(Sampler.Time(() =>
            {
                vm = workshop.Create();
                workshop.WaitReady(vm);
            }));
            List<VirtualMachine> machines = [vm!];
            List<Snapshot> snapshots = [];
            foreach (Generation generation in generations)
            {
                Dirty(workshop, machines[^1]);
                snapshots.Add(generation.Save(workshop, machines[^1]));
                machines.Add(workshop.Restore(snapshots[^1]));
            }

            machines.ForEach(workshop.Remove);
            snapshots.ForEach(workshop.Remove);
        }

        List<Series> series = [new("New-MicroVm until the guest is ready", boot), .. generations.SelectMany(generation => generation.Series)];
        return new Figure(
            "save",
            "Boot and save",
            $"Real QEMU, 256 MiB. Before each save the guest writes {DirtyMiB} MiB of random bytes into its memory, the same in each generation. A snapshot's pause is what the "
            + "engine records with it: from before the guest is stopped (where its workload is frozen, from then) until it runs again. Memory and disk are copied before it, "
            + "digests and durability come after it.",
            series,
            [
                Verdict.AtMost("pause, clone against first generation", series[3].Median / series[1].Median, TargetOverFirst),
                Verdict.AtMost("pause, clone of a clone against first generation", series[5].Median / series[1].Median, TargetOverFirst),
                Verdict.AtMost("in all, clone against first generation", series[4].Median / series[2].Median, TargetOverFirst),
                Verdict.AtMost("in all, clone of a clone against first generation", series[6].Median / series[2].Median, TargetOverFirst),
            ]);
    }

    private static void Dirty(Workshop workshop, VirtualMachine vm) => workshop.Engine.RunCommandAsync(
        vm.Id,
        new GuestCommand { Script = $"head -c {DirtyMiB << 20} /dev/urandom >/dev/shm/dirty" },
        _ => Task.CompletedTask,
        NullObserver.Instance,
        default).GetAwaiter().GetResult();

    private sealed class Generation(string name)
    {
        private readonly List<double> _pause = [];
        private readonly List<double> _total = [];

        public IEnumerable<Series> Series => [new($"Save-MicroVmSnapshot, {name}: the guest's pause", _pause), new($"Save-MicroVmSnapshot, {name}: in all", _total)];

        public Snapshot Save(Workshop workshop, VirtualMachine vm)
        {
            Snapshot? snapshot = null;
            _total.Add(Sampler.Time(() => snapshot = workshop.Save(vm)));
            _pause.Add(snapshot!.PauseDuration.TotalMilliseconds);
            return snapshot;
        }
    }
}
