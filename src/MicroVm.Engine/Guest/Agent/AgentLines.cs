namespace MicroVm.Engine.Guest.Agent;

/// <summary>Reads an agent's stream line by line, within bounds: a guest may write what it likes.</summary>
internal sealed class AgentLines(Stream stream)
{
    private const byte Sentinel = 0xFF;
    private const int ChunkBytes = 64 << 10;

    private byte[] _buffer = new byte[ChunkBytes];
    // What was read and not handed out lies between these.
    private int _start;
    private int _end;

    /// <summary>How much has come.</summary>
    public long TotalBytes { get; private set; }

    /// <summary>Skips everything up to and with the next sentinel byte, as <c>guest-sync-delimited</c> writes one.</summary>
    /// <param name="longest">The most bytes that may have come from the stream's beginning.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="FormatException">More came.</exception>
    public async Task SkipToSentinelAsync(long longest, CancellationToken cancellationToken)
    {
        while (TotalBytes <= longest)
        {
            int found = _buffer.AsSpan(_start, _end - _start).IndexOf(Sentinel);
            if (found >= 0)
            {
                _start += found + 1;
                return;
            }

            _start = _end = 0;
            await FillAsync(cancellationToken);
        }

        throw new FormatException($"More than {longest} bytes came that answer nothing.");
    }

    /// <summary>The next line, without its end. Valid until the next call.</summary>
    /// <param name="longest">The most bytes it may have.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="FormatException">It is longer.</exception>
    public async Task<ReadOnlyMemory<byte>> ReadAsync(int longest, CancellationToken cancellationToken)
    {
        int scanned = _start;
        while (true)
        {
            int found = _buffer.AsSpan(scanned, _end - scanned).IndexOf((byte)'\n');
            if (found >= 0)
            {
                ReadOnlyMemory<byte> line = _buffer.AsMemory(_start, scanned + found - _start);
                _start = scanned + found + 1;
                return line;
            }

            if (_end - _start > longest)
            {
                throw new FormatException($"A line of more than {longest} bytes came.");
            }

            int length = _end - _start;
            await FillAsync(cancellationToken);
            scanned = _start + length;
        }
    }

    private async Task FillAsync(CancellationToken cancellationToken)
    {
        if (_start > 0)
        {
            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            _end -= _start;
            _start = 0;
        }

        if (_end == _buffer.Length)
        {
            Array.Resize(ref _buffer, _buffer.Length * 2);
        }

        int read = await stream.ReadAsync(_buffer.AsMemory(_end), cancellationToken);
        TotalBytes += read;
        _end += read > 0 ? read : throw new EndOfStreamException("The agent's channel was closed.");
    }
}
