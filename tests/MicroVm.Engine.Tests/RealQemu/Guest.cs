using System.Globalization;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using MicroVm.Engine.Guest;
using MicroVm.Engine.Machines;
using MicroVm.Engine.Native;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.RealQemu;

/// <summary>
/// Talks to the shell on a guest's serial console. What proves that a guest went on, and was not started again, is a number that is nowhere but in its
/// memory: a shell loop counts and says so.
/// </summary>
internal sealed partial class Guest(VirtualMachine machine)
{
    private const string Counter = "i=0; while :; do i=$((i+1)); echo tick $i; usleep 20000; done";

    private const int FillBytes = 1_000_000;

    private string Log => machine.SerialLogPath!;

    private ProcessIdentity Process { get; } = ProcessIdentity.Of(machine.ProcessId!.Value)!;

    /// <summary>All that the guest has said.</summary>
    public string Text => File.ReadAllText(Log, Encoding.Latin1);

    /// <summary>The numbers the guest has counted, of whole lines.</summary>
    public long[] Ticks => TicksIn(Text);

    public static long[] TicksIn(string text) =>
        [.. Tick().Matches(text).Select(match => long.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture))];

    /// <summary>Fails unless the numbers follow each other without a gap or a new beginning.</summary>
    public static void AssertContinuous(IReadOnlyList<long> ticks)
    {
        Assert.NotEmpty(ticks);
        Assert.Equal(Enumerable.Range(0, ticks.Count).Select(i => ticks[0] + i), ticks);
    }

    /// <summary>Types a line and waits until the guest says something; which must not occur in the line, for the console echoes it.</summary>
    public async Task AskAsync(string line, string answer)
    {
        Assert.DoesNotContain(answer, line, StringComparison.Ordinal);
        long offset = new FileInfo(Log).Length;
        using Socket console = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await console.ConnectAsync(new UnixDomainSocketEndPoint(machine.SerialSocketPath!));
        using CancellationTokenSource done = new();
        // Whoever is connected has to listen too, or the guest waits.
        Task draining = DrainAsync(console, done.Token);
        await console.SendAsync(Encoding.UTF8.GetBytes(line + "\n"));
        bool said = await LogFile.WaitForAsync(Log, offset, answer, Process, Limits.Generous, CancellationToken.None);
        await done.CancelAsync();
        await draining;
        Assert.True(said, $"The guest did not say '{answer}' but: {Text[(int)offset..]}");
    }

    /// <summary>Starts to count.</summary>
    public Task StartCountingAsync() => AskAsync(Counter, "tick 3\r\n");

    /// <summary>Waits for the next tick that is counted from now on.</summary>
    public async Task<long> NextTickAsync()
    {
        long last = Ticks.LastOrDefault();
        using CancellationTokenSource limit = new(Limits.Generous);
        await foreach (string line in LogFile.ReadLinesAsync(Log, 1, Process, limit.Token))
        {
            if (TicksIn(line + "\n") is [long tick] && tick > last)
            {
                return tick;
            }
        }

        throw new InvalidOperationException($"The guest ended; its last tick was {last}.");
    }

    /// <summary>Writes a file to the guest's disk, durably.</summary>
    public Task WriteFileAsync(string name, string content) => AskAsync($"echo {content} >/root/{name}; sync; echo writ''ten {name}", $"written {name}");

    /// <summary>Fails unless a file on the guest's disk, read past the guest's cache, has that content; null means that it must not exist.</summary>
    public Task AssertFileAsync(string name, string? content) => AskAsync(
        $"sync; echo 3 >/proc/sys/vm/drop_caches; echo \"{name} ho''lds [$(cat /root/{name} 2>/dev/null)]\"".Replace("ho''lds", "ho\"\"lds", StringComparison.Ordinal),
        $"{name} holds [{content}]");

    /// <summary>Fills a megabyte of a file with a word, in the same blocks of the disk each time.</summary>
    public Task FillAsync(string name, string word) => AskAsync(
        $"yes {word} | head -c {FillBytes} | dd of=/root/{name} conv=notrunc bs=4k 2>/dev/null; sync; echo fil''led {name}", $"filled {name}");

    /// <summary>Fails unless the file, read past the guest's cache, is as <see cref="FillAsync"/> makes it.</summary>
    public Task AssertFilledAsync(string name, string word)
    {
        byte[] content = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat(word + "\n", (FillBytes / (word.Length + 1)) + 1)))[..FillBytes];
        string sum = Convert.ToHexStringLower(MD5.HashData(content));
        return AskAsync($"sync; echo 3 >/proc/sys/vm/drop_caches; echo \"{name} s\"\"ums to $(md5sum </root/{name})\"", $"{name} sums to {sum}");
    }

    private static async Task DrainAsync(Socket console, CancellationToken cancellationToken)
    {
        byte[] buffer = new byte[4096];
        try
        {
            while (await console.ReceiveAsync(buffer, cancellationToken) > 0)
            {
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException)
        {
            // Enough heard.
        }
    }

    [GeneratedRegex(@"(?<=^|\n)tick (\d+)\r?\n")]
    private static partial Regex Tick();
}
