using Microsoft.Win32.SafeHandles;
using MicroVm.Engine.Native;
using MicroVm.Engine.Network;

namespace MicroVm.Engine.Tests.Support;

/// <summary>A network namespace without a name: a descriptor and a thread hold it, so it goes with this process whatever happens.</summary>
internal sealed class TestNamespace : IDisposable
{
    public TestNamespace()
    {
        // What the runtime starts with the first program and the first socket is not to be in here.
        TestRuntime.WarmUp();
        File = Make();
        Network = new HostNetwork(File);
        Run("ip", "link", "set", "lo", "up");
    }

    /// <summary>The namespace.</summary>
    public SafeFileHandle File { get; }

    /// <summary>A thread in it.</summary>
    public HostNetwork Network { get; }

    /// <summary>A path by which other programs can find it, as "ip link … netns PATH" wants.</summary>
    public string Path => $"/proc/{Environment.ProcessId}/fd/{File.DangerousGetHandle()}";

    /// <summary>Runs a function inside, which must not start threads: open sockets, make system calls.</summary>
    public T Run<T>(Func<T> function) => Network.Run(_ => function());

    /// <summary>Runs a program inside and gives what it wrote; it has to succeed.</summary>
    public string Run(params string[] command)
    {
        (int code, string output) = Try(command);
        Assert.True(code == 0, $"{string.Join(' ', command)}: {output}");
        return output;
    }

    /// <summary>Runs a program inside and gives its exit code and what it wrote.</summary>
    public (int Code, string Output) Try(params string[] command)
    {
        using Scratch scratch = new();
        using TestProcess process = Start(scratch.File("output"), command);
        process.WaitForEnd();
        return (process.Reap()!.Code ?? -1, System.IO.File.ReadAllText(scratch.File("output")));
    }

    /// <summary>Starts a program inside.</summary>
    public TestProcess Start(string output, params string[] command) => Run(() => TestProcess.Start(output, command));

    public void Dispose()
    {
        Network.Dispose();
        File.Dispose();
    }

    private static SafeFileHandle Make()
    {
        SafeFileHandle? file = null;
        Thread thread = new(() =>
        {
            Namespaces.Unshare(Namespaces.Network);
            file = Namespaces.OpenNetwork();
        });
        thread.Start();
        thread.Join();
        return file!;
    }
}
