using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace MicroVm.Engine.Tests.Support;

/// <summary>Starts the runtime's own threads where they belong: one that is started from within a namespace stays there.</summary>
internal static class TestRuntime
{
    private static readonly Lazy<bool> s_warm = new(() =>
    {
        using Process process = Process.Start("true");
        process.WaitForExit();
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        using TcpClient client = new();
        client.ConnectAsync((IPEndPoint)listener.LocalEndpoint).GetAwaiter().GetResult();
        using TcpClient server = listener.AcceptTcpClientAsync().GetAwaiter().GetResult();
        return true;
    });

    public static void WarmUp() => _ = s_warm.Value;
}
