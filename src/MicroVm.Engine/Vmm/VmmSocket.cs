using System.Text;
using Microsoft.Win32.SafeHandles;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Native;

namespace MicroVm.Engine.Vmm;

/// <summary>Sockets that listen before their VMM starts, so that connecting to it never needs polling.</summary>
internal static class VmmSocket
{
    /// <summary>Makes the socket.</summary>
    /// <exception cref="MicroVmException"><see cref="ErrorIds.PathTooLong"/>.</exception>
    public static SafeFileHandle Listen(string path) =>
        Encoding.UTF8.GetByteCount(path) <= UnixListener.LongestPathBytes
            ? UnixListener.Open(path)
            : throw new MicroVmException(
                ErrorIds.PathTooLong, ErrorKind.InvalidArgument, $"The socket path '{path}' is longer than the {UnixListener.LongestPathBytes} bytes the kernel allows.")
            {
                Target = path,
                RecommendedAction = "Set MICROVM_HOME (or XDG_RUNTIME_DIR) to a shorter path.",
            };
}
