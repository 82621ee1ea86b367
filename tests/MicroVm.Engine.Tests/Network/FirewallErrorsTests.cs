using MicroVm.Engine.Errors;
using MicroVm.Engine.Native;
using MicroVm.Engine.Network;

namespace MicroVm.Engine.Tests.Network;

public sealed class FirewallErrorsTests
{
    [Theory]
    [InlineData(1, ErrorIds.PermissionDenied, ErrorKind.PermissionDenied, "CAP_NET_ADMIN")]
    [InlineData(93, ErrorIds.NetworkUnavailable, ErrorKind.NotInstalled, "nf_tables")]
    [InlineData(95, ErrorIds.NetworkUnavailable, ErrorKind.NotInstalled, "nf_tables")]
    [InlineData(12, ErrorIds.NetworkFailed, ErrorKind.ResourceUnavailable, null)]
    public void Refusal_of_the_kernel_says_what_to_do(int errno, string id, ErrorKind kind, string? action)
    {
        MicroVmException failure = FirewallErrors.Of(LinuxException.From("send", errno));

        Assert.Equal((id, kind), (failure.ErrorId, failure.Kind));
        Assert.Equal(action is null, failure.RecommendedAction is null);
        Assert.Contains(action ?? "", failure.RecommendedAction ?? "", StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Error: Could not process rule: Operation not permitted", ErrorIds.PermissionDenied)]
    [InlineData("Error: Could not process rule: No such file or directory", ErrorIds.NetworkUnavailable)]
    [InlineData("Error: Could not process rule: Operation not supported", ErrorIds.NetworkUnavailable)]
    [InlineData("Error: syntax error", ErrorIds.NetworkFailed)]
    [InlineData("", ErrorIds.NetworkFailed)]
    public void Failure_of_nft_has_its_words(string words, string id)
    {
        MicroVmException failure = FirewallErrors.NotLoaded(new ProcessExit(1, null), words);

        Assert.Equal(id, failure.ErrorId);
        Assert.Contains(words.Length > 0 ? words : "exit code 1", failure.InnerException!.Message, StringComparison.Ordinal);
    }
}
