using MicroVm.Engine.Errors;
using MicroVm.Engine.Native;

namespace MicroVm.Engine.Network;

/// <summary>What the kernel's refusals mean to who asked for a network.</summary>
internal static class NetworkErrors
{
    /// <summary>The error for a link that could not be raised.</summary>
    /// <returns><see cref="ErrorIds.PermissionDenied"/>, <see cref="ErrorIds.NetworkUnavailable"/> when the host lacks something, else <see cref="ErrorIds.NetworkFailed"/>.</returns>
    public static MicroVmException OfLink(LinuxException cause)
    {
        bool driver = cause.Message.StartsWith(FreshNetwork.OpenDriver, StringComparison.Ordinal);
        return cause.Errno switch
        {
            Errno.NotPermitted or Errno.PermissionDenied when driver => new(
                ErrorIds.PermissionDenied, ErrorKind.PermissionDenied, "This user may not open /dev/net/tun.", cause)
            {
                Target = "/dev/net/tun",
                RecommendedAction = "Run as root; in a container, allow the device: --device /dev/net/tun. Or use -Network User, which needs no right.",
            },
            Errno.NotPermitted or Errno.PermissionDenied => NotPermitted(cause),
            Errno.NoSuchFile or Errno.NoDevice or Errno.NoSuchDevice when driver => new(
                ErrorIds.NetworkUnavailable, ErrorKind.NotInstalled, "This host has no TAP devices: /dev/net/tun is not there.", cause)
            {
                Target = "/dev/net/tun",
                RecommendedAction = "Load the driver: modprobe tun. In a container, pass the device: --device /dev/net/tun.",
            },
            Errno.NotSupported => new(ErrorIds.NetworkUnavailable, ErrorKind.NotInstalled, "This kernel has no veth devices.", cause)
            {
                Target = "veth",
                RecommendedAction = "Load the driver: modprobe veth. It must be of the running kernel: reboot after an upgrade.",
            },
            Errno.NoSpace => new(ErrorIds.NetworkFailed, ErrorKind.ResourceUnavailable, "The host's limit of network namespaces is reached.", cause)
            {
                RecommendedAction = "Remove VMs, or raise the limit: sysctl user.max_net_namespaces",
            },
            _ => Failed(cause),
        };
    }

    /// <summary>The error for anything else that was asked of the host's network.</summary>
    public static MicroVmException Of(LinuxException cause) =>
        cause.Errno is Errno.NotPermitted or Errno.PermissionDenied ? NotPermitted(cause) : Failed(cause);

    private static MicroVmException NotPermitted(LinuxException cause) => new(
        ErrorIds.PermissionDenied, ErrorKind.PermissionDenied, "This user may not change the host's network.", cause)
    {
        RecommendedAction = "Run as root, or grant CAP_NET_ADMIN and CAP_SYS_ADMIN. Or use -Network User, which needs no right.",
    };

    private static MicroVmException Failed(LinuxException cause) =>
        new(ErrorIds.NetworkFailed, ErrorKind.ResourceUnavailable, "The host's network could not be set up.", cause)
        {
            RecommendedAction = "Run Test-MicroVmHost to see what the host lacks.",
        };
}
