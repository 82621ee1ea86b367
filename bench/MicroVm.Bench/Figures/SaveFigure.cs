using MicroVm.Engine.Machines;
using MicroVm.Engine.Snapshots;

namespace MicroVm.Bench.Figures;

/// <summary>Boots and snapshots, for information.</summary>
internal static class SaveFigure
{
    /// <summary>Takes the figure.</summary>
    public static Figure Take(Workshop workshop)
    {
        List<double> boot = [];
        List<double> pause = [];
        List<double> save = [];
        List<double> clonePause = [];
        List<double> cloneSave = [];
        for (int i = 0; i < workshop.Options.Samples(10); i++)
        {
            VirtualMachine? vm = null;
            boot.Add(Sampler.Time(() =>
            {
                vm = workshop.Create();
                workshop.WaitReady(vm);
            }));
            Snapshot first = Save(workshop, vm!, pause, save);
            VirtualMachine clone = workshop.Restore(first);
            Snapshot second = Save(workshop, clone, null, null);
            VirtualMachine grandchild = workshop.Restore(second);
            Snapshot third = Save(workshop, grandchild, clonePause, cloneSave);
            foreach (VirtualMachine each in (VirtualMachine[])[vm!, clone, grandchild])
            {
                workshop.Remove(each);
            }

            foreach (Snapshot each in (Snapshot[])[first, second, third])
            {
                workshop.Remove(each);
            }
        }

        List<Series> series =
        [
            new("New-MicroVm until the guest is ready", boot),
            new("Save-MicroVmSnapshot: the guest's pause", pause),
            new("Save-MicroVmSnapshot: in all", save),
            new("the same of a clone of a clone: pause", clonePause),
            new("the same of a clone of a clone: in all", cloneSave),
        ];
        return new Figure(
            "save",
            "Boot and save",
            "Real QEMU, 256 MiB. A snapshot's pause is what the engine records with it: from before the guest is stopped until it runs again. Memory "
            + "and disk are copied before it, digests and durability come after it.",
            series,
            []);
    }

    private static Snapshot Save(Workshop workshop, VirtualMachine vm, List<double>? pause, List<double>? total)
    {
        Snapshot? snapshot = null;
        double time = Sampler.Time(() => snapshot = workshop.Save(vm));
        pause?.Add(snapshot!.PauseDuration.TotalMilliseconds);
        total?.Add(time);
        return snapshot!;
    }
}
