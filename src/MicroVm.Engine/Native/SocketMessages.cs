using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace MicroVm.Engine.Native;

/// <summary>Sends bytes and an open file over a Unix socket (sendmsg(2), SCM_RIGHTS in unix(7)).</summary>
internal static unsafe partial class SocketMessages
{
    private const int SocketLevel = 1;
    private const int Rights = 1;
    private const int NoSignal = 0x4000;

    /// <summary>Sends a message, small enough for the socket's buffer, with one descriptor attached to its first byte.</summary>
    public static void Send(Socket socket, ReadOnlySpan<byte> data, SafeHandle file)
    {
        bool added = false;
        try
        {
            file.DangerousAddRef(ref added);
            fixed (byte* bytes = data)
            {
                ControlMessage control = new()
                {
                    // CMSG_LEN: the header and one int.
                    Length = 20,
                    Level = SocketLevel,
                    Type = Rights,
                    Descriptor = (int)file.DangerousGetHandle(),
                };
                Vector vector = new() { Base = bytes, Length = (nuint)data.Length };
                Header header = new() { Vectors = &vector, VectorCount = 1, Control = &control, ControlLength = (nuint)sizeof(ControlMessage) };
                nint sent = SendMessage(socket.SafeHandle, &header, NoSignal);
                if (sent < 0)
                {
                    throw LinuxException.Last("sendmsg");
                }

                if (sent < data.Length)
                {
                    socket.Send(data[(int)sent..]);
                }
            }
        }
        finally
        {
            if (added)
            {
                file.DangerousRelease();
            }
        }
    }

    [LibraryImport("libc", EntryPoint = "sendmsg", SetLastError = true)]
    private static partial nint SendMessage(SafeHandle socket, Header* message, int flags);

    [StructLayout(LayoutKind.Sequential)]
    private struct Vector
    {
        public byte* Base;
        public nuint Length;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Header
    {
        public void* Name;
        public uint NameLength;
        public Vector* Vectors;
        public nuint VectorCount;
        public void* Control;
        public nuint ControlLength;
        public int Flags;
    }

    [StructLayout(LayoutKind.Sequential, Size = 24)]
    private struct ControlMessage
    {
        public nuint Length;
        public int Level;
        public int Type;
        public int Descriptor;
    }
}
