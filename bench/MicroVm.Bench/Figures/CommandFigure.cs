using System.Text;
using MicroVm.Bench.Baselines;
using MicroVm.Engine;
using MicroVm.Engine.Guest.Commands;
using MicroVm.Engine.Machines;

namespace MicroVm.Bench.Figures;

/// <summary>Commands in guests: one round trip, and one command in twenty VMs.</summary>
internal static class CommandFigure
{
    private const double Target = 1.3;
    private const int Machines = 20;
    private const string Text = "uname -a";

    // Most commands wait for something, and that is what can be done side by side.
    private const string Waiting = "sleep 0.5; uname -a";

    /// <summary>Takes the figure.</summary>
    public static Figure Take(Workshop workshop)
    {
        VirtualMachine vm = workshop.Create();
        workshop.WaitReady(vm);
        BareAgent bare = new(Path.Combine(Path.GetDirectoryName(vm.SerialSocketPath)!, "agent"));
        List<Series> trips = Sampler.Interleave(
            10,
            workshop.Options.Samples(100),
            Candidate.Ours("engine: a script", () => Sampler.Time(() => Run(workshop, vm, new GuestCommand { Script = Text }))),
            Candidate.Baseline("bare client: sh -c, guest-exec, guest-exec-status each ms", () => Sampler.Time(() => bare.Run("/bin/sh", "-c", Text))),
            Candidate.Ours("engine: a program", () => Sampler.Time(() => Run(workshop, vm, new GuestCommand { FilePath = "uname", ArgumentList = ["-a"] }))),
            Candidate.Baseline("bare client: the program itself", () => Sampler.Time(() => bare.Run("uname", "-a"))));
        workshop.Remove(vm);

        VirtualMachine[] many = [.. Enumerable.Range(0, Machines).Select(_ => workshop.Create())];
        Array.ForEach(many, workshop.WaitReady);
        BareAgent[] agents = [.. many.Select(each => new BareAgent(Path.Combine(Path.GetDirectoryName(each.SerialSocketPath)!, "agent")))];
        List<Series> fan = Sampler.Interleave(
            1,
            workshop.Options.Samples(10),
            Candidate.Ours($"engine: half a second's sleep in {Machines} VMs at a time", () => Sampler.Time(() => Task.WaitAll(many.Select(each => RunAsync(workshop, each))))),
            Candidate.Baseline("bare clients: the same, one after the other", () => Sampler.Time(() => Array.ForEach(agents, agent => agent.Run("/bin/sh", "-c", Waiting)))));
        Array.ForEach(many, workshop.Remove);
        return new Figure(
            "command",
            "Commands in guests",
            "Real QEMU under TCG, the packaged guest agent. Each round trip connects, synchronises, runs `uname -a`, gets its output and leaves. The bare client has "
            + "guest-exec capture the output; the engine's commands go through a wrapper in the guest, so that their output can be read while they run, has no "
            + "limit, and they can be ended with all their processes. That takes two files on the guest's disk, a move to the cgroup of the workload and two more "
            + "round trips; and a program one more start in the guest, the wrapper's.",
            [.. trips, .. fan],
            [
                Verdict.AtMost("script, engine against bare client", trips[0].Median / trips[1].Median, Target),
                Verdict.AtMost("program, engine against bare client", trips[2].Median / trips[3].Median, Target),
                Verdict.Time($"{Machines} VMs at a time", fan[0].Median),
                Verdict.Ratio("the same, bare clients in turn against the engine", fan[1].Median / fan[0].Median),
            ]);
    }

    private static void Run(Workshop workshop, VirtualMachine vm, GuestCommand command)
    {
        StringBuilder output = new();
        GuestCommandEnd end = workshop.Engine.RunCommandAsync(
            vm.Id,
            command,
            piece =>
            {
                output.Append(Encoding.UTF8.GetString(piece.Bytes.Span));
                return Task.CompletedTask;
            },
            NullObserver.Instance,
            default).GetAwaiter().GetResult();
        if (end.ExitCode != 0 || !output.ToString().StartsWith("Linux", StringComparison.Ordinal))
        {
            throw new InvalidOperationException($"The command ended with {end.ExitCode} and said '{output}'.");
        }
    }

    private static Task RunAsync(Workshop workshop, VirtualMachine vm) => Task.Run(() => Run(workshop, vm, new GuestCommand { Script = Waiting }));
}
