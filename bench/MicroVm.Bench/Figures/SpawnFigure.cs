using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using MicroVm.Bench.Baselines;
using MicroVm.Engine.Isolation;
using MicroVm.Engine.Native;

namespace MicroVm.Bench.Figures;

/// <summary>Isolating and starting a program: system calls on a thread against a chain of programs.</summary>
internal static partial class SpawnFigure
{
    /// <summary>The chain that the engine replaces; other figures are held against it too.</summary>
    public const string ChainName = "unshare | bash | mount … | ip netns exec";

    private const double TargetRatio = 15;

    /// <summary>Takes the figure.</summary>
    public static Figure Take(Workshop workshop)
    {
        string directory = Directory.CreateDirectory(Path.Combine(workshop.Options.Home, "scratch")).FullName;
        using ShellChain chain = new(directory);
        using SafeFileHandle network = File.OpenHandle(chain.NamespacePath);
        List<Series> series = Sampler.Interleave(
            5,
            workshop.Options.Samples(60),
            Candidate.Ours("engine: own network namespace", () => Sampler.Time(() => EngineCreating(directory))),
            Candidate.Baseline(ChainName, () => Sampler.Time(chain.RunJoining)),
            Candidate.Ours("system calls: prepared network namespace", () => Sampler.Time(() => SystemCallsJoining(directory, network))),
            Candidate.Baseline("unshare -m -n -i | bash | mount …", () => Sampler.Time(chain.RunCreating)),
            Candidate.Baseline("posix_spawn of /bin/true, no isolation", () => Sampler.Time(() => Processes.Run("/bin/true"))));
        return new Figure(
            "spawn",
            "Isolate and start a program",
            "Private mounts, a tmpfs, a network namespace, start of /bin/true, wait for its end. The engine's own code makes mount, network and IPC "
            + "namespaces; the chain of programs joins a network namespace made beforehand. Each is also shown the other way: system calls that join "
            + "the prepared namespace and make the symbolic links the chain makes, and a chain that makes fresh namespaces with unshare(1) and needs "
            + "no ip. The chains are started by posix_spawn as well. What /bin/true alone takes is the floor of all of them.",
            series,
            [
                Verdict.AtLeast("engine against the chain", series[1].Median / series[0].Median, TargetRatio),
                Verdict.AtLeast("joining a prepared network namespace, both", series[1].Median / series[2].Median, TargetRatio),
                Verdict.AtLeast("making all namespaces, both", series[3].Median / series[0].Median, TargetRatio),
                Verdict.Ratio(
                    "what isolation adds to the bare start, chain against engine",
                    (series[1].Median - series[4].Median) / (series[0].Median - series[4].Median)),
                Verdict.Ratio(
                    "the same, both joining a prepared network namespace",
                    (series[1].Median - series[4].Median) / (series[2].Median - series[4].Median)),
            ]);
    }

    private static void EngineCreating(string directory)
    {
        using NamespaceThread thread = new(directory);
        Processes.WaitForSuccess(thread.Run(() => Processes.Start("/bin/true")));
    }

    // What the engine's thread does, but for the network namespace, which is joined, and the links.
    private static void SystemCallsJoining(string directory, SafeHandle network)
    {
        int processId = 0;
        Exception? failure = null;
        Thread thread = new(() =>
        {
            try
            {
                Namespaces.Unshare(Namespaces.Mount);
                Namespaces.KeepMountsFromOthers();
                Namespaces.MountTmpfs(directory, "size=16m,mode=0700");
                File.CreateSymbolicLink(Path.Combine(directory, "kernel"), "/boot/kernel");
                File.CreateSymbolicLink(Path.Combine(directory, "rootfs"), "/boot/rootfs");
                if (SetNamespace(network, Namespaces.Network) != 0)
                {
                    throw new InvalidOperationException($"setns: errno {Marshal.GetLastPInvokeError()}");
                }

                processId = Processes.Start("/bin/true");
            }
            catch (Exception exception)
            {
                failure = exception;
            }
        });
        thread.Start();
        thread.Join();
        if (failure is not null)
        {
            throw failure;
        }

        Processes.WaitForSuccess(processId);
    }

    [LibraryImport("libc", EntryPoint = "setns", SetLastError = true)]
    private static partial int SetNamespace(SafeHandle file, int kind);
}
