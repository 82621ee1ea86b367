using System.Runtime.InteropServices;

namespace MicroVm.Engine.Native;

/// <summary>What stands under a name in a file system (statx(2)).</summary>
/// <param name="Type">Its kind, the <c>S_IFMT</c> bits of its mode.</param>
/// <param name="Mode">Its permissions, with set-user-id, set-group-id and sticky bits.</param>
/// <param name="Length">Its size in bytes.</param>
/// <param name="ModifiedAt">When its content was last changed, in seconds since 1970.</param>
internal readonly unsafe partial record struct FileEntry(int Type, UnixFileMode Mode, long Length, long ModifiedAt)
{
    /// <summary>The bits of a mode that say what kind of file it is.</summary>
    public const int TypeMask = 0xF000;

    public const int Directory = 0x4000;
    public const int RegularFile = 0x8000;
    public const int SymbolicLink = 0xA000;

    private const int CurrentDirectory = -100;
    private const int NoFollow = 0x100;
    private const uint TypeModeSizeAndTime = 0x1 | 0x2 | 0x40 | 0x200;
    private const int ModeMask = 0xFFF;

    /// <summary>Looks; null when nothing stands there.</summary>
    /// <param name="path">The name.</param>
    /// <param name="follow">Whether a symbolic link stands for what it points to.</param>
    /// <exception cref="LinuxException">It cannot be looked at.</exception>
    public static FileEntry? Find(string path, bool follow)
    {
        Status status = default;
        if (Statx(CurrentDirectory, path, follow ? 0 : NoFollow, TypeModeSizeAndTime, &status) == 0)
        {
            return new FileEntry(status.Mode & TypeMask, (UnixFileMode)(status.Mode & ModeMask), (long)status.Size, status.ModifiedAt);
        }

        return Marshal.GetLastPInvokeError() is Errno.NoSuchFile or Errno.NotADirectory ? null : throw LinuxException.Last("statx", path);
    }

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Statx(int directory, string path, int flags, uint mask, Status* status);

    /// <summary>The fields of struct statx that are needed.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    private struct Status
    {
        [FieldOffset(28)]
        public ushort Mode;

        [FieldOffset(40)]
        public ulong Size;

        [FieldOffset(112)]
        public long ModifiedAt;
    }
}
