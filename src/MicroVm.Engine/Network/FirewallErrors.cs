using MicroVm.Engine.Errors;
using MicroVm.Engine.Native;

namespace MicroVm.Engine.Network;

/// <summary>What the errors of the packet filter mean to a user.</summary>
internal static class FirewallErrors
{
    private const string Modules = "nf_tables, nft_nat, nft_masq, nft_fib_inet, nft_reject_inet, nft_ct, nf_conntrack";

    /// <summary>Of a refused message.</summary>
    public static MicroVmException Of(LinuxException cause) => cause.Errno switch
    {
        Errno.NotPermitted or Errno.PermissionDenied => new(
            ErrorIds.PermissionDenied, ErrorKind.PermissionDenied, "The packet filter may not be changed.", cause)
        {
            RecommendedAction = "Run as root, or with the capability CAP_NET_ADMIN in the host's network namespace.",
        },
        Errno.ProtocolNotSupported or Errno.NotSupported or Errno.InvalidArgument => NoKernel(cause),
        _ => new(ErrorIds.NetworkFailed, ErrorKind.ResourceUnavailable, "The packet filter refused a change.", cause),
    };

    /// <summary>Of a message about VMs to a packet filter that has no rules for them.</summary>
    public static MicroVmException Flushed(LinuxException cause) => new(
        ErrorIds.NetworkFailed, ErrorKind.ResourceUnavailable, "The packet filter's rules for VMs are gone: somebody has flushed them.", cause)
    {
        RecommendedAction = "Put them back: Repair-MicroVmHost",
    };

    /// <summary>nft(8) is not there.</summary>
    public static MicroVmException NoProgram(string name) => new(ErrorIds.NetworkUnavailable, ErrorKind.NotInstalled, $"{name} is not installed.")
    {
        Target = name,
        RecommendedAction = "apt-get install nftables, or dnf install nftables",
    };

    /// <summary>nft(8) did not load the rules.</summary>
    /// <param name="exit">How it ended, or null when it did not.</param>
    /// <param name="words">What it said.</param>
    public static MicroVmException NotLoaded(ProcessExit? exit, string words)
    {
        IOException said = new(words.Length > 0 ? words : $"nft ended with {exit?.ToString() ?? "a signal, after its time was over"}.");
        return exit is null ? new(ErrorIds.NetworkFailed, ErrorKind.Timeout, "nft did not finish in time.", said)
            : words.Contains("Operation not permitted", StringComparison.Ordinal)
                ? new(ErrorIds.PermissionDenied, ErrorKind.PermissionDenied, "The packet filter may not be changed.", said)
                {
                    RecommendedAction = "Run as root, or with the capability CAP_NET_ADMIN in the host's network namespace.",
                }
            // The rules name nothing that they do not make: what is missing is the kernel's.
            : words.Contains("No such file or directory", StringComparison.Ordinal) || words.Contains("not supported", StringComparison.Ordinal) ? NoKernel(said)
            : new(ErrorIds.NetworkFailed, ErrorKind.ResourceUnavailable, "nft could not load the rules for VMs.", said);
    }

    private static MicroVmException NoKernel(Exception cause) => new(
        ErrorIds.NetworkUnavailable, ErrorKind.NotInstalled, "The kernel lacks a part of nf_tables.", cause)
    {
        RecommendedAction = $"Use a kernel with these modules, and load them if that is not done by itself: {Modules}",
    };
}
