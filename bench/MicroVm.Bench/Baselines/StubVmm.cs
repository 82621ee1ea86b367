using System.Buffers.Binary;
using System.Text;

namespace MicroVm.Bench.Baselines;

/// <summary>
/// A stand-in for qemu-system-x86_64 that takes its control socket as descriptor 3 and answers at once: it greets, acknowledges the first command, and
/// ends at the second. It is so small that starting it costs what starting any process costs; what remains of a call is the engine's own time.
/// </summary>
internal static class StubVmm
{
    private const ulong LoadAddress = 0x400000;
    private const int HeaderBytes = 64 + 56;
    private const string Greeting = """{"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 7}, "package": ""}, "capabilities": []}}""" + "\r\n";
    private const string Answer = """{"return": {}, "id": 1}""" + "\r\n";

    /// <summary>Writes the program into a directory under the name of the real one.</summary>
    /// <returns>Its path.</returns>
    public static string Install(string directory)
    {
        Directory.CreateDirectory(directory);
        string path = Path.Combine(directory, "qemu-system-x86_64");
        // A new file: one that an interrupted run left may still be running.
        File.Delete(path);
        File.WriteAllBytes(path, Program());
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return path;
    }

    private static byte[] Program()
    {
        byte[] greeting = Encoding.ASCII.GetBytes(Greeting);
        byte[] answer = Encoding.ASCII.GetBytes(Answer);
        int codeBytes = Code(0, 0, 0, 0).Length;
        uint greetingAddress = (uint)LoadAddress + HeaderBytes + (uint)codeBytes;
        byte[] code = Code(greetingAddress, greeting.Length, greetingAddress + (uint)greeting.Length, answer.Length);
        byte[] content = [.. code, .. greeting, .. answer];
        return [.. Header(content.Length), .. content];
    }

    // System calls by number: 0 read, 1 write, 3 close, 43 accept, 60 exit.
    private static byte[] Code(uint greeting, int greetingBytes, uint answer, int answerBytes)
    {
        List<byte> code =
        [
            .. Load(0xb8, 43), .. Load(0xbf, 3), 0x31, 0xf6, 0x31, 0xd2, 0x0f, 0x05, // eax = accept(edi = 3, esi = 0, edx = 0)
            0x89, 0xc3, // ebx = eax: the client
            .. Write(greeting, greetingBytes),
            .. Read(),
            .. Write(answer, answerBytes),
            .. Read(),
            0x85, 0xc0, 0x74, 0x09, // if eax is zero, the client is gone: over the next three
            .. Load(0xb8, 60), 0x31, 0xff, 0x0f, 0x05, // exit(0)
            0x89, 0xdf, .. Load(0xb8, 3), 0x0f, 0x05, // close(client)
        ];
        return [.. code, 0xe9, .. Number(-(code.Count + 5))]; // from the start, for the next client
    }

    // edi = client, esi = address, edx = length, eax = write
    private static byte[] Write(uint address, int length) => [0x89, 0xdf, .. Load(0xbe, (int)address), .. Load(0xba, length), .. Load(0xb8, 1), 0x0f, 0x05];

    // edi = client, rsi = rsp - 2048, edx = 1024, eax = read
    private static byte[] Read() => [0x89, 0xdf, 0x48, 0x8d, 0xb4, 0x24, 0x00, 0xf8, 0xff, 0xff, .. Load(0xba, 1024), 0x31, 0xc0, 0x0f, 0x05];

    private static byte[] Load(byte instruction, int value) => [instruction, .. Number(value)];

    private static byte[] Number(int value)
    {
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, value);
        return bytes;
    }

    // elf(5): a header, one loadable segment that holds the whole file, and the code behind them.
    private static byte[] Header(int contentBytes)
    {
        byte[] header = new byte[HeaderBytes];
        using MemoryStream stream = new(header);
        using BinaryWriter writer = new(stream);
        writer.Write([0x7f, .. "ELF"u8, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        writer.Write((ushort)2); // an executable
        writer.Write((ushort)62); // for x86-64
        writer.Write(1u);
        writer.Write(LoadAddress + HeaderBytes); // entry
        writer.Write(64ul); // program headers
        writer.Write(0ul);
        writer.Write(0u);
        writer.Write((ushort)64);
        writer.Write((ushort)56);
        writer.Write((ushort)1);
        writer.Write((ushort)0);
        writer.Write((ushort)0);
        writer.Write((ushort)0);
        writer.Write(1u); // load
        writer.Write(5u); // readable, executable
        writer.Write(0ul);
        writer.Write(LoadAddress);
        writer.Write(LoadAddress);
        writer.Write((ulong)(HeaderBytes + contentBytes));
        writer.Write((ulong)(HeaderBytes + contentBytes));
        writer.Write(0x1000ul);
        return header;
    }
}
