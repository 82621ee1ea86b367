using System.Runtime.InteropServices;

namespace MicroVm.Engine.Native;

/// <summary>Swaps two names in one step (renameat2(2) with RENAME_EXCHANGE), so that there is no moment without either.</summary>
internal static partial class FileExchange
{
    private const int CurrentDirectory = -100;
    private const uint Exchange = 2;

    /// <summary>Swaps what two existing paths of one file system name.</summary>
    /// <exception cref="IOException">The call failed, for one because the file system cannot swap.</exception>
    public static void Swap(string first, string second)
    {
        if (RenameAt2(CurrentDirectory, first, CurrentDirectory, second, Exchange) != 0)
        {
            throw LinuxException.Last("renameat2", second);
        }
    }

    [LibraryImport("libc", EntryPoint = "renameat2", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int RenameAt2(int firstDirectory, string first, int secondDirectory, string second, uint flags);
}
