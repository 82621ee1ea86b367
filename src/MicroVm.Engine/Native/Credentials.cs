using System.Runtime.InteropServices;

namespace MicroVm.Engine.Native;

/// <summary>Who this process is to the kernel (geteuid(2)).</summary>
internal static partial class Credentials
{
    /// <summary>The effective user id; 0 is root.</summary>
    public static uint EffectiveUserId => GetEuid();

    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint GetEuid();
}
