using Microsoft.Win32.SafeHandles;

namespace MicroVm.Engine.Native;

/// <summary>Reads of which less than all is of no use (pread(2) may give less).</summary>
internal static class FileReading
{
    /// <summary>Fills the buffer from an offset on.</summary>
    /// <exception cref="EndOfStreamException">The file ends before.</exception>
    public static void ReadExactly(SafeFileHandle file, Span<byte> buffer, long offset)
    {
        while (buffer.Length > 0)
        {
            int read = RandomAccess.Read(file, buffer, offset);
            if (read == 0)
            {
                throw new EndOfStreamException($"The file ends at byte {offset}.");
            }

            buffer = buffer[read..];
            offset += read;
        }
    }
}
