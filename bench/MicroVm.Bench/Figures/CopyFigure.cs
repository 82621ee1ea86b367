using System.Security.Cryptography;
using MicroVm.Engine;
using MicroVm.Engine.Guest.Files;
using MicroVm.Engine.Machines;

namespace MicroVm.Bench.Figures;

/// <summary>Files between host and guest, for information.</summary>
internal static class CopyFigure
{
    private const int MiB = 1 << 20;
    private const int UpMiB = 8;
    private const int DownMiB = 32;
    private const int SmallFiles = 100;

    /// <summary>Takes the figure.</summary>
    public static Figure Take(Workshop workshop)
    {
        string files = Path.Combine(workshop.Options.Home, "files");
        string tree = Directory.CreateDirectory(Path.Combine(files, "tree")).FullName;
        string big = Path.Combine(files, "big");
        File.WriteAllBytes(big, RandomNumberGenerator.GetBytes(UpMiB * MiB));
        for (int i = 0; i < SmallFiles; i++)
        {
            File.WriteAllBytes(Path.Combine(tree, $"file-{i}"), RandomNumberGenerator.GetBytes(4096));
        }

        VirtualMachine vm = workshop.Create();
        workshop.WaitReady(vm);
        string source = Path.Combine(files, "source");
        File.WriteAllBytes(source, RandomNumberGenerator.GetBytes(DownMiB * MiB));
        Copy(workshop, vm, source, "/root/source", fromGuest: false);
        List<Series> series = Sampler.Interleave(
            1,
            workshop.Options.Samples(5),
            Candidate.Ours($"to the guest, {UpMiB} MiB", () => Copy(workshop, vm, big, "/root/big", fromGuest: false)),
            Candidate.Ours($"from the guest, {DownMiB} MiB", () => Copy(workshop, vm, "/root/source", Path.Combine(files, "back"), fromGuest: true)),
            Candidate.Ours($"to the guest, {SmallFiles} files of 4 KiB", () => Copy(workshop, vm, tree, "/root/trees/", fromGuest: false)));
        workshop.Remove(vm);
        Directory.Delete(files, recursive: true);
        return new Figure(
            "copy",
            "Files between host and guest",
            "Real QEMU under TCG, Copy-MicroVmItem over the packaged guest agent, which takes and gives files as JSON in base 64: under emulation that is what takes the "
            + "time. Digests are computed on both sides and compared.",
            series,
            [Rate("to the guest", UpMiB, series[0]), Rate("from the guest", DownMiB, series[1])]);
    }

    private static double Copy(Workshop workshop, VirtualMachine vm, string source, string destination, bool fromGuest)
    {
        GuestCopy copy = new() { Source = source, Destination = destination, Recurse = true, Force = true };
        return Sampler.Time(() => (fromGuest
            ? workshop.Engine.CopyFromGuestAsync(vm.Id, copy, NullObserver.Instance, default)
            : workshop.Engine.CopyToGuestAsync(vm.Id, copy, NullObserver.Instance, default)).GetAwaiter().GetResult());
    }

    private static Verdict Rate(string text, int mebibytes, Series series) =>
        new(text, FormattableString.Invariant($"{mebibytes * 1000 / series.Median:0.0} MiB/s"));
}
