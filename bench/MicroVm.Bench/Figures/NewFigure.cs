using MicroVm.Bench.Baselines;
using MicroVm.Engine.Machines;

namespace MicroVm.Bench.Figures;

/// <summary>What the engine itself takes to create and start a VM, disk included.</summary>
internal static class NewFigure
{
    private const double TargetShare = 1.0 / 3;

    /// <summary>Takes the figure.</summary>
    public static Figure Take(Workshop workshop)
    {
        string stubDirectory = Path.Combine(workshop.Options.Home, "stub");
        string stub = StubVmm.Install(stubDirectory);
        string scratch = Directory.CreateDirectory(Path.Combine(workshop.Options.Home, "scratch")).FullName;
        string pathBefore = System.Environment.GetEnvironmentVariable("PATH")!;
        string path = $"{stubDirectory}:{pathBefore}";
        using ShellChain chain = new(scratch);
        List<Series> warm;
        List<Series> fresh;
        double[] calls = [];
        System.Environment.SetEnvironmentVariable("PATH", path);
        try
        {
            warm = Sampler.Interleave(
                5,
                workshop.Options.Samples(60),
                Candidate.Ours("engine: New-MicroVm, VMM that answers at once", () => Engine(workshop)),
                Candidate.Baseline("bare client: the same VMM started and greeted", () => Bare(stub, scratch)),
                Candidate.Baseline(SpawnFigure.ChainName, () => Sampler.Time(chain.RunJoining)));
            fresh = Sampler.Interleave(
                1,
                workshop.Options.Samples(12),
                Candidate.Ours("New-MicroVm, first call in a fresh pwsh", () => (calls = Fresh(workshop, path))[0]),
                Candidate.Ours("New-MicroVm, second call in it", () => calls[1]));
        }
        finally
        {
            System.Environment.SetEnvironmentVariable("PATH", pathBefore);
        }

        double bare = warm[1].Median;
        double allowed = warm[2].Median;
        double engine = warm[0].Median - bare;
        double first = fresh[0].Median - bare;
        return new Figure(
            "new",
            "Create and start a VM: the engine's share",
            "qemu-system-x86_64 is replaced by a program of some hundred bytes that greets and answers on the control socket at once. What a bare "
            + "client needs to start it and to do greeting and capabilities is subtracted; the rest is the engine: names, claims, the 8 GiB disk, "
            + "sockets, isolation, records with fsync. In a fresh pwsh the time is taken around New-MicroVm alone; starting pwsh and importing the "
            + "module are not in it, compiling what is not compiled ahead of time is.",
            [.. warm, .. fresh],
            [
                Verdict.Time("engine time", engine),
                Verdict.AtMost("engine time against the chain", engine / allowed, TargetShare),
                Verdict.Time("engine time, first call in a fresh pwsh", first),
                Verdict.AtMost("the same against the chain", first / allowed, TargetShare),
            ]);
    }

    private static double[] Fresh(Workshop workshop, string path) =>
        Pwsh.RunScript("FirstNew.ps1", [workshop.Module], workshop.Environment, ("PATH", path));

    private static double Engine(Workshop workshop)
    {
        VirtualMachine? vm = null;
        double time = Sampler.Time(() => vm = workshop.Create());
        workshop.Remove(vm!);
        return time;
    }

    private static double Bare(string stub, string scratch)
    {
        BareClient? client = null;
        double time = Sampler.Time(() => client = BareClient.Start(stub, [], scratch));
        client!.Dispose();
        return time;
    }
}
