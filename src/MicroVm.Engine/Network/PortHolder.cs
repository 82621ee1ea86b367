using System.Buffers.Binary;
using System.Globalization;
using System.Net;

namespace MicroVm.Engine.Network;

/// <summary>Finds who has a port of the host, by the kernel's lists of sockets (/proc/net/tcp, udp and their IPv6 twins, proc(5)) and the processes' descriptors.</summary>
internal static class PortHolder
{
    private const string Listening = "0A";

    /// <summary>Who has the port in the calling thread's network namespace, such that nobody else can have it at that address.</summary>
    /// <param name="protocol">The protocol.</param>
    /// <param name="address">The host's address; 0.0.0.0 and :: are all.</param>
    /// <param name="port">The port.</param>
    /// <returns>Such as "nginx (pid 123)"; null when nobody has it.</returns>
    public static string? Find(PortProtocol protocol, IPAddress address, int port)
    {
        string name = protocol == PortProtocol.Tcp ? "tcp" : "udp";
        foreach (string file in (string[])[name, name + "6"])
        {
            string path = $"/proc/thread-self/net/{file}";
            foreach (string line in File.Exists(path) ? File.ReadLines(path).Skip(1) : [])
            {
                // Number, local address, remote address, state, queues, timer, retransmissions, user, timeout, inode.
                string[] fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
                if (fields.Length > 9
                    && (protocol == PortProtocol.Udp || fields[3] == Listening)
                    && TryParse(fields[1]) is { } local
                    && local.Port == port
                    && Collide(local.Address, address))
                {
                    return ProcessOf(fields[9]) ?? $"a process of the user with id {fields[7]}";
                }
            }
        }

        return null;
    }

    private static bool Collide(IPAddress one, IPAddress other)
    {
        one = Plain(one);
        other = Plain(other);
        // Without IPV6_V6ONLY, :: is every address of IPv4 as well; who wants it cannot be told from the lists.
        return one.Equals(other)
            || one.Equals(IPAddress.IPv6Any)
            || other.Equals(IPAddress.IPv6Any)
            || (one.AddressFamily == other.AddressFamily && (one.Equals(IPAddress.Any) || other.Equals(IPAddress.Any)));
    }

    private static IPAddress Plain(IPAddress address) => address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;

    // Words of 32 bits, each as this machine would print it, then the port.
    private static IPEndPoint? TryParse(string text)
    {
        if (text.Split(':') is not [var address, var port]
            || address.Length is not (8 or 32)
            || !ushort.TryParse(port, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ushort number))
        {
            return null;
        }

        byte[] bytes = new byte[address.Length / 2];
        for (int at = 0; at < bytes.Length; at += 4)
        {
            if (!uint.TryParse(address.AsSpan(at * 2, 8), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out uint word))
            {
                return null;
            }

            BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(at), BitConverter.IsLittleEndian ? word : BinaryPrimitives.ReverseEndianness(word));
        }

        return new IPEndPoint(new IPAddress(bytes), number);
    }

    // Null when the process is another user's.
    private static string? ProcessOf(string inode)
    {
        string link = $"socket:[{inode}]";
        foreach (string process in Directory.EnumerateDirectories("/proc").Where(path => char.IsAsciiDigit(Path.GetFileName(path)[0])))
        {
            try
            {
                if (new DirectoryInfo(Path.Combine(process, "fd")).EnumerateFileSystemInfos().Any(file => file.LinkTarget == link))
                {
                    return $"{File.ReadAllText(Path.Combine(process, "comm")).TrimEnd()} (pid {Path.GetFileName(process)})";
                }
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                // It has ended, or may not be looked at.
            }
        }

        return null;
    }
}
