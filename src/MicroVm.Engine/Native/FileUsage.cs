using System.Runtime.InteropServices;

namespace MicroVm.Engine.Native;

/// <summary>What files take on the disk (statx(2)).</summary>
internal static unsafe partial class FileUsage
{
    private const int CurrentDirectory = -100;
    private const uint Blocks = 0x400;
    private const int BlockBytes = 512;

    /// <summary>The bytes allocated for a file: less than its length when it is sparse. 0 when it does not exist.</summary>
    public static long AllocatedBytes(string path)
    {
        FileStatus status = default;
        return Statx(CurrentDirectory, path, 0, Blocks, &status) == 0 ? (long)status.Blocks * BlockBytes : 0;
    }

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Statx(int directory, string path, int flags, uint mask, FileStatus* status);

    /// <summary>The one field of struct statx that is needed.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    private struct FileStatus
    {
        [FieldOffset(48)]
        public ulong Blocks;
    }
}
