using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;
using MicroVm.Engine.Native;

namespace MicroVm.Bench.Baselines;

/// <summary>
/// The least that can be done to start a QEMU and talk to it: posix_spawn, a blocking socket, prepared messages. No isolation, no records, no checks, no
/// disk, no deadline. The same thread does it all.
/// </summary>
internal sealed class BareClient : IDisposable
{
    private static readonly string[] s_environment = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"];
    private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly byte[] _buffer = new byte[4096];
    private string _unread = "";

    private BareClient()
    {
    }

    /// <summary>The VMM.</summary>
    public int ProcessId { get; private set; }

    /// <summary>Spawns the program and gets it to take commands.</summary>
    /// <param name="program">The program.</param>
    /// <param name="arguments">What follows its name.</param>
    /// <param name="directory">An existing directory for the sockets.</param>
    /// <param name="more">The files it gets as descriptors 5 and above; 3 is the control socket, 4 the serial console.</param>
    public static BareClient Start(string program, IReadOnlyList<string> arguments, string directory, params IReadOnlyList<SafeHandle> more)
    {
        BareClient client = new();
        string control = Path.Combine(directory, "bare-qmp.sock");
        string serial = Path.Combine(directory, "bare-serial.sock");
        File.Delete(control);
        File.Delete(serial);
        using SafeFileHandle nothing = File.OpenHandle("/dev/null", FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        using SafeFileHandle controlSocket = UnixListener.Open(control);
        using SafeFileHandle serialSocket = UnixListener.Open(serial);
        client.ProcessId = ProcessSpawn.Spawn(
            program, [program, .. arguments], s_environment, [nothing, nothing, nothing, controlSocket, serialSocket, .. more]);
        client._socket.Connect(new UnixDomainSocketEndPoint(control));
        client.ReadUntil("\"QMP\"");
        client._socket.Send("""{"execute":"qmp_capabilities","id":1}"""u8);
        client.ReadUntil("\"return\"");
        return client;
    }

    /// <summary>Loads device state, lets the guest run, and waits until it does.</summary>
    /// <param name="uri">Where QEMU finds the state.</param>
    public void LoadAndRun(string uri)
    {
        // While the state comes in, "cont" means: run when it is there.
        string commands = $$"""{"execute":"migrate-incoming","arguments":{"uri":"{{uri}}"},"id":2}{"execute":"cont","id":3}""";
        _socket.Send(Encoding.ASCII.GetBytes(commands));
        ReadUntil("\"RESUME\"");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _socket.Dispose();
        Processes.Kill(ProcessId);
    }

    private void ReadUntil(string word)
    {
        int found;
        while ((found = _unread.IndexOf(word, StringComparison.Ordinal)) < 0)
        {
            int read = _socket.Receive(_buffer);
            _unread += read > 0 ? Encoding.ASCII.GetString(_buffer, 0, read) : throw new EndOfStreamException($"QEMU ended before it said {word}: {_unread}");
            if (_unread.Contains("\"error\"", StringComparison.Ordinal))
            {
                throw new InvalidOperationException(_unread);
            }
        }

        _unread = _unread[(found + word.Length)..];
    }
}
