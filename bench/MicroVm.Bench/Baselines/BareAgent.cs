using System.Text;
using System.Text.Json;

namespace MicroVm.Bench.Baselines;

/// <summary>
/// The least that can be done to have a guest's agent run a program: blocking pipes, prepared messages, guest-exec with its own capture, asked for each
/// millisecond. No turns between processes, no output before the end, none beyond 16 MiB, no end but the program's own.
/// </summary>
internal sealed class BareAgent(string pipes)
{
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(1);

    /// <summary>Connects, runs a program to its end, and gives what it wrote.</summary>
    public string Run(string path, params string[] arguments)
    {
        using FileStream output = new(pipes + ".in", FileMode.Open, FileAccess.Write, FileShare.ReadWrite, 0);
        using FileStream input = new(pipes + ".out", FileMode.Open, FileAccess.Read, FileShare.ReadWrite, 0);
        Send(output, """{"execute":"guest-sync","arguments":{"id":1}}""");
        Receive(input);
        string words = string.Join(',', arguments.Select(argument => JsonEncodedText.Encode(argument)).Select(argument => $"\"{argument}\""));
        Send(output, $$$"""{"execute":"guest-exec","arguments":{"path":"{{{path}}}","arg":[{{{words}}}],"capture-output":true}}""");
        long id = Receive(input).GetProperty("pid").GetInt64();
        while (true)
        {
            Send(output, $$$"""{"execute":"guest-exec-status","arguments":{"pid":{{{id}}}}}""");
            JsonElement status = Receive(input);
            if (status.GetProperty("exited").GetBoolean())
            {
                return Encoding.UTF8.GetString(status.GetProperty("out-data").GetBytesFromBase64());
            }

            Thread.Sleep(s_pause);
        }
    }

    private static void Send(FileStream output, string message) => output.Write(Encoding.UTF8.GetBytes(message + "\n"));

    private static JsonElement Receive(FileStream input)
    {
        byte[] buffer = new byte[64 << 10];
        int length = 0;
        do
        {
            length += input.Read(buffer, length, buffer.Length - length);
        }
        while (buffer[length - 1] != '\n');
        using JsonDocument document = JsonDocument.Parse(buffer.AsMemory(0, length));
        return document.RootElement.GetProperty("return").Clone();
    }
}
