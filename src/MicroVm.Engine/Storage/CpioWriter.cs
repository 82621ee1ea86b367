using System.Globalization;
using System.Text;

namespace MicroVm.Engine.Storage;

/// <summary>
/// Writes an archive the kernel unpacks as its initramfs: the "newc" format of cpio(5), all owned by root, all times zero, so that equal input makes
/// equal archives. Parents must be written before what they hold. Call <see cref="Finish"/> once.
/// </summary>
internal sealed class CpioWriter(Stream output)
{
    private const uint TypeDirectory = 0x4000;
    private const uint TypeCharacterDevice = 0x2000;
    private const uint TypeFile = 0x8000;
    private const uint TypeLink = 0xA000;

    private uint _inode;

    /// <summary>Adds a directory.</summary>
    /// <param name="path">Its path without a leading slash.</param>
    /// <param name="mode">Its permission bits.</param>
    public void AddDirectory(string path, UnixFileMode mode = (UnixFileMode)0b111_101_101) => Write(path, TypeDirectory | (uint)mode, []);

    /// <summary>Adds a regular file.</summary>
    public void AddFile(string path, ReadOnlySpan<byte> content, UnixFileMode mode) => Write(path, TypeFile | (uint)mode, content);

    /// <summary>Adds a symbolic link.</summary>
    public void AddLink(string path, string target) => Write(path, TypeLink | 0x1FF, Encoding.UTF8.GetBytes(target));

    /// <summary>Adds a character device, readable and writable by root.</summary>
    public void AddCharacterDevice(string path, uint major, uint minor) =>
        Write(path, TypeCharacterDevice | (uint)(UnixFileMode.UserRead | UnixFileMode.UserWrite), [], major, minor);

    /// <summary>Writes the end mark.</summary>
    public void Finish() => Write("TRAILER!!!", 0, []);

    private void Write(string path, uint mode, ReadOnlySpan<byte> content, uint major = 0, uint minor = 0)
    {
        byte[] name = Encoding.UTF8.GetBytes(path + "\0");
        _inode++;
        // Inode, mode, uid, gid, links, mtime, size, device (2), special device (2), name size, checksum.
        uint[] fields = [_inode, mode, 0, 0, 1, 0, checked((uint)content.Length), 0, 0, major, minor, (uint)name.Length, 0];
        StringBuilder header = new("070701", 110);
        foreach (uint field in fields)
        {
            header.Append(field.ToString("X8", CultureInfo.InvariantCulture));
        }

        output.Write(Encoding.ASCII.GetBytes(header.ToString()));
        output.Write(name);
        Pad(header.Length + name.Length);
        output.Write(content);
        Pad(content.Length);
    }

    // Names and contents each end on a multiple of four bytes.
    private void Pad(int length) => output.Write("\0\0\0"u8[..(-length & 3)]);
}
