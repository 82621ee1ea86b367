namespace MicroVm.Bench.Baselines;

/// <summary>
/// How systems that drive VMMs by script isolate and start one: unshare(1), then bash, mount(8) and ln(1) twice each, mkdir(1), and ip-netns(8), every one
/// of them a process.
/// </summary>
internal sealed class ShellChain : IDisposable
{
    private readonly string _unshare = Processes.Find("unshare");
    private readonly string _ip = Processes.Find("ip");
    private readonly string _bash = Processes.Find("bash");
    private readonly string _namespace = $"mvbench{Environment.ProcessId}";
    private readonly string _directory;

    /// <summary>Makes the network namespace that the chain joins; this is not part of its time.</summary>
    /// <param name="directory">An existing directory, over which the tmpfs is mounted.</param>
    public ShellChain(string directory)
    {
        _directory = directory;
        Processes.Run(_ip, "netns", "add", _namespace);
    }

    /// <summary>The file by which the network namespace can be joined.</summary>
    public string NamespacePath => $"/run/netns/{_namespace}";

    /// <summary>Isolates and starts <c>/bin/true</c> in the network namespace made before, and waits for its end.</summary>
    public void RunJoining() => Processes.Run(_unshare, "-m", _bash, "-c", $"{Mounts} && exec ip netns exec {_namespace} /bin/true");

    /// <summary>The same with a fresh network namespace and IPC namespace, which unshare(1) makes in passing: what the engine does at present.</summary>
    public void RunCreating() => Processes.Run(_unshare, "-m", "-n", "-i", _bash, "-c", $"{Mounts} && exec /bin/true");

    /// <inheritdoc/>
    public void Dispose() => Processes.Run(_ip, "netns", "delete", _namespace);

    private string Mounts =>
        $"mount --make-rprivate / && mkdir -p {_directory} && mount -t tmpfs -o size=16m,mode=0700 tmpfs {_directory} "
        + $"&& ln -s /boot/kernel {_directory}/kernel && ln -s /boot/rootfs {_directory}/rootfs";
}
