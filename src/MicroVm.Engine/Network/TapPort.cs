using System.Runtime.ExceptionServices;
using Microsoft.Win32.SafeHandles;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Native;

namespace MicroVm.Engine.Network;

/// <summary>A TAP device that somebody else made and looks after: it is taken, but neither configured nor removed.</summary>
internal static class TapPort
{
    private const int StackBytes = 256 << 10;

    /// <summary>Where ip-netns(8) has the namespaces with a name.</summary>
    private const string NamesDirectory = "/run/netns";

    /// <summary>Takes the device.</summary>
    /// <param name="networkNamespace">The namespace it is in: a path, or a name of ip-netns(8); null for the calling thread's.</param>
    /// <param name="device">Its name.</param>
    /// <exception cref="MicroVmException">
    /// <see cref="ErrorIds.NetworkNamespaceNotFound"/>, <see cref="ErrorIds.TapDeviceNotFound"/>, <see cref="ErrorIds.TapDeviceUnusable"/>: another VMM has it, or
    /// it is no TAP; <see cref="ErrorIds.PermissionDenied"/>.
    /// </exception>
    public static NetworkBackend Open(string? networkNamespace, string device)
    {
        (SafeFileHandle tun, NetlinkSocket route) = OpenDriver(networkNamespace, device);
        using (route)
        {
            try
            {
                Take(tun, route, device, networkNamespace);
                return new NetworkBackend(tun) { LinkName = device };
            }
            catch
            {
                tun.Dispose();
                throw;
            }
        }
    }

    private static void Take(SafeFileHandle tun, NetlinkSocket route, string device, string? networkNamespace)
    {
        // Looked for first: to take one that is not there is to make it.
        HostLink link = HostLink.Find(route, device) ?? throw NotFound(route, device, networkNamespace);
        if (link is not { Kind: "tun", IsTap: true })
        {
            throw Unusable(device, $"'{device}' is no TAP device{(link.Kind is null ? "" : $" but a {(link.Kind == "tun" ? "TUN device" : link.Kind)}")}.", $"Make one: ip tuntap add dev <name> mode tap", null);
        }

        if (link.Queues > 0)
        {
            throw Busy(device, null);
        }

        try
        {
            TunFile.Take(tun, device, link.IsMultiQueue ? TunFile.MultiQueue : (short)0);
        }
        catch (LinuxException exception)
        {
            throw exception.Errno switch
            {
                Errno.Busy => Busy(device, exception),
                Errno.NotPermitted => Denied(device, $"This user may not use the TAP device '{device}'.", $"Give it to the user: ip tuntap add dev {device} mode tap user <name>", exception),
                _ => Unusable(device, $"The TAP device '{device}' could not be taken.", "ip -details link show shows how it was made; its kind and its number of queues cannot be changed.", exception),
            };
        }

        // Removed in between, and so made by us after all: it goes with the file.
        if (HostLink.Find(route, device)?.Index != link.Index)
        {
            throw NotFound(route, device, networkNamespace);
        }
    }

    private static (SafeFileHandle Tun, NetlinkSocket Route) OpenDriver(string? networkNamespace, string device)
    {
        try
        {
            if (networkNamespace is null)
            {
                SafeFileHandle tun = TunFile.Open();
                return (tun, NetlinkSocket.Open(NetlinkSocket.Route));
            }

            using SafeFileHandle file = OpenNamespace(networkNamespace);
            return OnThread(() => TunFile.OpenIn(file));
        }
        catch (LinuxException exception) when (exception.Errno is Errno.NotPermitted or Errno.PermissionDenied)
        {
            throw exception.Message.Contains(TunFile.Path, StringComparison.Ordinal)
                ? Denied(device, $"This user may not open {TunFile.Path}.", $"chmod 0666 {TunFile.Path}, or run as root.", exception)
                : Denied(device, $"This user may not enter the network namespace '{networkNamespace}'.", "Run as root: that needs CAP_SYS_ADMIN.", exception);
        }
        catch (LinuxException exception) when (exception.Errno == Errno.InvalidArgument)
        {
            throw NoNamespace(networkNamespace!, $"'{networkNamespace}' is no network namespace.", exception);
        }
        catch (LinuxException exception) when (exception.Errno is Errno.NoSuchFile or Errno.NoDevice or Errno.NoSuchDevice)
        {
            throw new MicroVmException(ErrorIds.NetworkUnavailable, ErrorKind.NotInstalled, $"The kernel's TAP driver ({TunFile.Path}) is not there.", exception)
            {
                Target = device,
                RecommendedAction = "Load it: modprobe tun",
            };
        }
    }

    private static SafeFileHandle OpenNamespace(string networkNamespace)
    {
        string path = networkNamespace.Contains('/', StringComparison.Ordinal) ? networkNamespace : Path.Combine(NamesDirectory, networkNamespace);
        return Descriptors.TryOpenUnlocked(path) ?? throw NoNamespace(networkNamespace, $"There is no network namespace '{networkNamespace}'.", null);
    }

    private static T OnThread<T>(Func<T> function)
    {
        T result = default!;
        ExceptionDispatchInfo? failure = null;
        Thread thread = new(
            () =>
            {
                try
                {
                    result = function();
                }
                catch (Exception exception)
                {
                    failure = ExceptionDispatchInfo.Capture(exception);
                }
            },
            StackBytes);
        thread.Start();
        thread.Join();
        failure?.Throw();
        return result;
    }

    private static MicroVmException NoNamespace(string networkNamespace, string message, Exception? cause)
    {
        string[] names = Directory.Exists(NamesDirectory) ? [.. Directory.EnumerateFileSystemEntries(NamesDirectory).Select(path => Path.GetFileName(path)).Order()] : [];
        return new(ErrorIds.NetworkNamespaceNotFound, ErrorKind.NotFound, message, cause)
        {
            Target = networkNamespace,
            RecommendedAction = names.Length == 0 ? $"Make it: ip netns add {Path.GetFileName(networkNamespace)}" : $"There are: {string.Join(", ", names)}.",
        };
    }

    private static MicroVmException NotFound(NetlinkSocket route, string device, string? networkNamespace)
    {
        string[] taps = [.. HostLink.All(route).Where(link => link.IsTap).Select(link => link.Name).Order(StringComparer.Ordinal)];
        return new(
            ErrorIds.TapDeviceNotFound, ErrorKind.NotFound, $"There is no device '{device}'{(networkNamespace is null ? "" : $" in the network namespace '{networkNamespace}'")}.")
        {
            Target = device,
            RecommendedAction = taps.Length == 0 ? $"Make it: ip tuntap add dev {device} mode tap" : $"The TAP devices there: {string.Join(", ", taps)}.",
        };
    }

    private static MicroVmException Busy(string device, Exception? cause) => new(
        ErrorIds.TapDeviceUnusable, ErrorKind.Busy, $"The TAP device '{device}' is in use by another program.", cause)
    {
        Target = device,
        RecommendedAction = "Stop the VM that has it, or use another device.",
    };

    private static MicroVmException Unusable(string device, string message, string advice, Exception? cause) =>
        new(ErrorIds.TapDeviceUnusable, ErrorKind.InvalidArgument, message, cause) { Target = device, RecommendedAction = advice };

    private static MicroVmException Denied(string device, string message, string advice, Exception cause) =>
        new(ErrorIds.PermissionDenied, ErrorKind.PermissionDenied, message, cause) { Target = device, RecommendedAction = advice };
}
