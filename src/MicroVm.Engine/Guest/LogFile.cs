using System.Runtime.CompilerServices;
using System.Text;
using MicroVm.Engine.Native;

namespace MicroVm.Engine.Guest;

/// <summary>Reads logs that somebody else is writing.</summary>
internal static class LogFile
{
    private const int ChunkBytes = 64 << 10;

    // In a message, where more would help nobody.
    private const int LongestQuote = 200;

    /// <summary>The lines of <see cref="Last"/> joined by " | "; empty when there are none.</summary>
    public static string LastLines(string path, int count, long offset = 0) => string.Join(" | ", Last(path, count, offset));

    /// <summary>The last lines of a log at or after an offset, without empty ones and control characters, each cut to a readable length.</summary>
    public static IReadOnlyList<string> Last(string path, int count, long offset = 0)
    {
        try
        {
            using FileStream stream = OpenShared(path);
            stream.Position = Math.Max(Math.Min(offset, stream.Length), stream.Length - ChunkBytes);
            using StreamReader reader = new(stream, Encoding.UTF8);
            return [.. reader.ReadToEnd().Split('\n').Select(Clean).Where(line => line.Length > 0).TakeLast(count)];
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    /// <summary>A sentence with the last lines of a console.</summary>
    public static string LastSaid(string path, int count) =>
        LastLines(path, count) is { Length: > 0 } lines ? $"Its console last said: {lines}" : "Its console said nothing yet.";

    /// <summary>
    /// The lines of a log: the last <paramref name="tail"/> (null for all), then, if <paramref name="writer"/> is given, each new one until that process ends.
    /// </summary>
    public static async IAsyncEnumerable<string> ReadLinesAsync(
        string path, int? tail, ProcessIdentity? writer, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (!File.Exists(path))
        {
            yield break;
        }

        using FileWatch watch = new(path);
        using ProcessDescriptor? process = writer is { IsAlive: true } ? ProcessDescriptor.TryOpen(writer.ProcessId) : null;
        using FileStream stream = OpenShared(path);
        LineSplitter splitter = new();
        byte[] buffer = new byte[ChunkBytes];
        stream.Position = tail is { } lines ? StartOfTail(stream, lines) : StartOfLines(stream);

        while (true)
        {
            watch.Clear();
            // Asked before the last read: what was written before the end is then read for certain.
            bool writerLives = process is not null && writer!.IsAlive;
            int read;
            while ((read = await stream.ReadAsync(buffer, cancellationToken)) > 0)
            {
                if (FileExtents.NextData(stream.SafeFileHandle, stream.Position - read) != stream.Position - read)
                {
                    // The log was cut under a reader who is far behind.
                    _ = splitter.Rest;
                    stream.Position = StartOfLines(stream);
                    continue;
                }

                foreach (string line in splitter.Add(buffer.AsSpan(0, read)))
                {
                    yield return line;
                }
            }

            if (!writerLives)
            {
                if (splitter.Rest is { } rest)
                {
                    yield return rest;
                }

                yield break;
            }

            await Task.Run(() => Polling.WaitAny(Timeout.InfiniteTimeSpan, cancellationToken, watch.Handle, process!.Handle), cancellationToken);
        }
    }

    /// <summary>Whether the log holds a text at or after an offset.</summary>
    public static bool Contains(string path, long offset, string text)
    {
        using FileStream stream = OpenShared(path);
        stream.Position = Math.Max(offset, StartOfData(stream));
        int kept = 0;
        return FindIn(stream, new byte[ChunkBytes], ref kept, Encoding.UTF8.GetBytes(text));
    }

    /// <summary>Whether a text is in the last part of what a log holds after an offset; however long the log is, this takes no longer.</summary>
    public static bool ContainsLately(string path, long offset, string text)
    {
        try
        {
            return Contains(path, Math.Max(offset, new FileInfo(path).Length - ChunkBytes), text);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>Waits until the log holds a text at or after an offset, or its writer has ended.</summary>
    /// <returns>Whether the text is there; false when the writer ended or the time ran out.</returns>
    public static async Task<bool> WaitForAsync(
        string path, long offset, string text, ProcessIdentity writer, TimeSpan limit, CancellationToken cancellationToken)
    {
        long deadline = Environment.TickCount64 + (long)limit.TotalMilliseconds;
        byte[] wanted = Encoding.UTF8.GetBytes(text);
        using FileWatch watch = new(path);
        using ProcessDescriptor? process = ProcessDescriptor.TryOpen(writer.ProcessId);
        using FileStream stream = OpenShared(path);
        stream.Position = Math.Max(offset, StartOfData(stream));
        byte[] buffer = new byte[ChunkBytes];
        int kept = 0;
        while (true)
        {
            watch.Clear();
            bool writerLives = process is not null && writer.IsAlive;
            if (FindIn(stream, buffer, ref kept, wanted))
            {
                return true;
            }

            TimeSpan left = TimeSpan.FromMilliseconds(deadline - Environment.TickCount64);
            if (!writerLives || left <= TimeSpan.Zero)
            {
                return false;
            }

            await Task.Run(() => Polling.WaitAny(left, cancellationToken, watch.Handle, process!.Handle), cancellationToken);
        }
    }

    // Reads on to the present end; kept is how much of the last read lies at the front of the buffer, since the text may straddle two reads.
    private static bool FindIn(FileStream stream, byte[] buffer, ref int kept, byte[] wanted)
    {
        int read;
        while ((read = stream.Read(buffer.AsSpan(kept))) > 0)
        {
            int length = kept + read;
            if (buffer.AsSpan(0, length).IndexOf(wanted) >= 0)
            {
                return true;
            }

            kept = Math.Min(length, wanted.Length - 1);
            buffer.AsSpan(length - kept, kept).CopyTo(buffer);
        }

        return false;
    }

    private static FileStream OpenShared(string path) =>
        new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);

    private static long StartOfTail(FileStream stream, int lines)
    {
        if (lines == 0)
        {
            return stream.Length;
        }

        byte[] buffer = new byte[ChunkBytes];
        // The log may grow meanwhile.
        long end = stream.Length;
        long first = StartOfLines(stream);
        long position = end;
        int found = 0;
        while (position > first)
        {
            int length = (int)Math.Min(position - first, ChunkBytes);
            position -= length;
            RandomAccess.Read(stream.SafeFileHandle, buffer.AsSpan(0, length), position);
            for (int i = length - 1; i >= 0; i--)
            {
                // The newline that ends the log ends its last line and begins none.
                if (buffer[i] == '\n' && position + i != end - 1 && ++found == lines)
                {
                    return position + i + 1;
                }
            }
        }

        return first;
    }

    // What was cut off the front of a log is a hole: see LogBound.
    private static long StartOfData(FileStream stream) =>
        stream.Length == 0 ? 0 : FileExtents.NextData(stream.SafeFileHandle, 0) is >= 0 and var start ? start : stream.Length;

    // The first line that is whole.
    private static long StartOfLines(FileStream stream)
    {
        long position = StartOfData(stream);
        if (position == 0)
        {
            return 0;
        }

        byte[] buffer = new byte[ChunkBytes];
        int read;
        while ((read = RandomAccess.Read(stream.SafeFileHandle, buffer, position)) > 0)
        {
            int newline = buffer.AsSpan(0, read).IndexOf((byte)'\n');
            if (newline >= 0)
            {
                return position + newline + 1;
            }

            position += read;
        }

        return position;
    }

    private static string Clean(string line) => new(line.Where(character => !char.IsControl(character)).Take(LongestQuote).ToArray());
}
