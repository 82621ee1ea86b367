using System.Net;
using System.Net.Sockets;
using System.Runtime.ExceptionServices;
using Microsoft.Win32.SafeHandles;
using MicroVm.Engine.Native;

namespace MicroVm.Engine.Tests.Support;

/// <summary>A network namespace with a name of the test's own, its loopback up; what is asked for is done in it on a thread that ends.</summary>
internal sealed class Netns : IDisposable
{
    private readonly SafeFileHandle _file;

    public Netns()
    {
        Name = $"mvt-{Guid.NewGuid().ToString("N")[..8]}";
        Run("ip", "netns", "add", Name);
        _file = File.OpenHandle($"/run/netns/{Name}");
        Ip("link", "set", "lo", "up");
    }

    /// <summary>Why there can be none here; null when there can.</summary>
    public static string? WhyNot => Host.WhyNotRoot
        ?? (ProgramFinder.Find("ip") is null ? "ip(8) is not installed." : !File.Exists("/dev/net/tun") ? "The kernel has no TAP devices." : null);

    public string Name { get; }

    /// <summary>Connects two: a device in each.</summary>
    public static void Connect(Netns one, string device, Netns other, string otherDevice) =>
        one.Ip("link", "add", device, "type", "veth", "peer", "name", otherDevice, "netns", other.Name);

    /// <summary>ip(8) in the namespace; fails when it does.</summary>
    public void Ip(params string[] arguments) => Run(["ip", "-n", Name, .. arguments]);

    /// <summary>A program in the namespace, to its end; fails when it does.</summary>
    /// <returns>What it wrote.</returns>
    public string Execute(params string[] command) => Within(() => Run(command));

    /// <summary>The ids of the processes in the namespace.</summary>
    public string Processes() => Run("ip", "netns", "pids", Name);

    public T Within<T>(Func<T> work)
    {
        T result = default!;
        ExceptionDispatchInfo? failure = null;
        Thread thread = new(() =>
        {
            try
            {
                Namespaces.Enter(_file, Namespaces.Network);
                result = work();
            }
            catch (Exception exception)
            {
                failure = ExceptionDispatchInfo.Capture(exception);
            }
        });
        thread.Start();
        Assert.True(thread.Join(Limits.Generous), "Nothing came of it in time.");
        failure?.Throw();
        return result;
    }

    /// <summary>A socket of the namespace that waits only so long for anything.</summary>
    public Socket Socket(SocketType type, AddressFamily family = AddressFamily.InterNetwork)
    {
        Socket socket = Within(() => new Socket(family, type, type == SocketType.Stream ? ProtocolType.Tcp : ProtocolType.Udp));
        socket.ReceiveTimeout = socket.SendTimeout = (int)Limits.Generous.TotalMilliseconds;
        return socket;
    }

    /// <summary>A TCP server's socket.</summary>
    public Socket Listener(string address, int port)
    {
        Socket socket = Socket(SocketType.Stream);
        socket.Bind(new IPEndPoint(IPAddress.Parse(address), port));
        socket.Listen(4);
        return socket;
    }

    /// <summary>A UDP socket with an address.</summary>
    public Socket Receiver(string address, int port)
    {
        Socket socket = Socket(SocketType.Dgram);
        socket.Bind(new IPEndPoint(IPAddress.Parse(address), port));
        return socket;
    }

    public void Dispose()
    {
        _file.Dispose();
        Run("ip", "netns", "delete", Name);
    }

    private static string Run(params string[] command)
    {
        string output = $"/var/tmp/mvt-{Guid.NewGuid():N}";
        try
        {
            using TestProcess process = TestProcess.Start(output, command);
            process.WaitForEnd();
            ProcessExit? exit = process.Reap();
            string text = File.ReadAllText(output);
            Assert.True(exit?.Code == 0, $"{string.Join(' ', command)}: {text}");
            return text;
        }
        finally
        {
            File.Delete(output);
        }
    }
}
