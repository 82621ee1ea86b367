using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace MicroVm.Engine.Native;

/// <summary>
/// Two named pipes as one stream: what is written goes into one, what is read comes from the other. Asynchronous only; no thread waits. One read and one write
/// at a time.
/// </summary>
internal sealed partial class FifoStream : Stream
{
    private readonly SafeFileHandle _output;
    private readonly SafeFileHandle _input;

    /// <summary>Opens both pipes.</summary>
    /// <param name="outputPath">Is written to.</param>
    /// <param name="inputPath">Is read from.</param>
    /// <exception cref="LinuxException">They cannot be opened; <see cref="Errno.NoSuchDevice"/> when nobody is at the other end.</exception>
    public FifoStream(string outputPath, string inputPath)
    {
        _output = Fifo.OpenForWriting(outputPath);
        try
        {
            _input = Fifo.OpenForReading(inputPath);
        }
        catch
        {
            _output.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public override bool CanRead => true;

    /// <inheritdoc/>
    public override bool CanWrite => true;

    /// <inheritdoc/>
    public override bool CanSeek => false;

    /// <inheritdoc/>
    public override long Length => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Reads what is there, waiting for the first byte; 0 when the other end is closed.</summary>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (true)
        {
            int read = TryRead(buffer.Span);
            if (read >= 0)
            {
                return read;
            }

            await Readiness.ReadableAsync(_input, cancellationToken);
        }
    }

    /// <summary>Writes all of it.</summary>
    /// <exception cref="LinuxException">The other end is closed (EPIPE).</exception>
    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (buffer.Length > 0)
        {
            int written = TryWrite(buffer.Span);
            if (written >= 0)
            {
                buffer = buffer[written..];
                continue;
            }

            await Readiness.WritableAsync(_output, cancellationToken);
        }
    }

    /// <inheritdoc/>
    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <inheritdoc/>
    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <inheritdoc/>
    public override void Flush()
    {
    }

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _output.Dispose();
            _input.Dispose();
        }

        base.Dispose(disposing);
    }

    // Below zero: not now.
    private unsafe int TryRead(Span<byte> buffer)
    {
        fixed (byte* bytes = buffer)
        {
            return Result(Read(_input, bytes, (nuint)buffer.Length), "read");
        }
    }

    private unsafe int TryWrite(ReadOnlySpan<byte> buffer)
    {
        fixed (byte* bytes = buffer)
        {
            return Result(Write(_output, bytes, (nuint)buffer.Length), "write");
        }
    }

    private static int Result(nint result, string function) => result >= 0
        ? (int)result
        : Marshal.GetLastPInvokeError() is Errno.TryAgain or Errno.Interrupted ? -1 : throw LinuxException.Last(function);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static unsafe partial nint Read(SafeFileHandle file, byte* buffer, nuint count);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static unsafe partial nint Write(SafeFileHandle file, byte* buffer, nuint count);
}
