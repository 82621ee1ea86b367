using System.Management.Automation;
using MicroVm.Engine.Errors;
using Xunit;

namespace MicroVm.Commands.Tests;

public class ErrorTests
{
    [PwshFact]
    public void A_failure_is_an_error_about_its_target_and_the_others_go_on()
    {
        using Shell shell = new();
        PowerShell pipeline = shell.Operation("'a', 'b', 'c' | Invoke-FakeOperation $operation", (target, _, _) =>
            target == "b" ? throw Failure(ErrorKind.InvalidState) : Task.FromResult(target));

        string[] done = [.. pipeline.Invoke<string>()];

        ErrorRecord error = Assert.Single(pipeline.Streams.Error);
        Assert.Equal(["a", "c"], done);
        Assert.Equal("InvalidMicroVmState,MicroVm.Commands.Tests.FakeOperationCommand", error.FullyQualifiedErrorId);
        Assert.Equal(ErrorCategory.InvalidOperation, error.CategoryInfo.Category);
        Assert.Equal("b", error.TargetObject);
        Assert.Equal("Start it first.", error.ErrorDetails.RecommendedAction);
        Assert.Equal("VM 'b' is stopped. The cause.", error.ToString());
        Assert.Equal("VM 'b' is stopped.", error.Exception.Message);
    }

    [PwshTheory]
    [InlineData(ErrorKind.InvalidArgument, ErrorCategory.InvalidArgument)]
    [InlineData(ErrorKind.NotFound, ErrorCategory.ObjectNotFound)]
    [InlineData(ErrorKind.AlreadyExists, ErrorCategory.ResourceExists)]
    [InlineData(ErrorKind.InvalidState, ErrorCategory.InvalidOperation)]
    [InlineData(ErrorKind.Busy, ErrorCategory.ResourceBusy)]
    [InlineData(ErrorKind.Timeout, ErrorCategory.OperationTimeout)]
    [InlineData(ErrorKind.Protocol, ErrorCategory.ProtocolError)]
    [InlineData(ErrorKind.ResourceUnavailable, ErrorCategory.ResourceUnavailable)]
    [InlineData(ErrorKind.NotInstalled, ErrorCategory.NotInstalled)]
    [InlineData(ErrorKind.PermissionDenied, ErrorCategory.PermissionDenied)]
    [InlineData(ErrorKind.InvalidData, ErrorCategory.InvalidData)]
    [InlineData(ErrorKind.NotSupported, ErrorCategory.NotImplemented)]
    public void Each_kind_of_failure_has_its_category(ErrorKind kind, ErrorCategory category) =>
        Assert.Equal(category, ErrorRecords.From(Failure(kind), null).CategoryInfo.Category);

    [PwshFact]
    public void A_failure_nobody_foresaw_is_an_error_about_its_target_too()
    {
        using Shell shell = new();
        PowerShell pipeline = shell.Operation("'a', 'b' | Invoke-FakeOperation $operation", (target, _, _) =>
            target == "a" ? throw new InvalidDataException("odd") : Task.FromResult(target));

        string[] done = [.. pipeline.Invoke<string>()];

        Assert.Equal(["b"], done);
        Assert.StartsWith("InvalidDataException,", Assert.Single(pipeline.Streams.Error).FullyQualifiedErrorId, StringComparison.Ordinal);
    }

    [PwshFact]
    public void A_sequence_that_fails_keeps_what_it_gave()
    {
        using Shell shell = new();
        PowerShell pipeline = shell.Stream("Get-FakeStream $source; 'after'", _ => Failing());

        string[] lines = [.. pipeline.Invoke<string>()];

        Assert.Equal(["one", "after"], lines);
        Assert.StartsWith("InvalidMicroVmState,", Assert.Single(pipeline.Streams.Error).FullyQualifiedErrorId, StringComparison.Ordinal);
    }

    private static MicroVmException Failure(ErrorKind kind) =>
        new(ErrorIds.InvalidMicroVmState, kind, "VM 'b' is stopped.", new IOException("The cause.")) { RecommendedAction = "Start it first." };

    private static async IAsyncEnumerable<string> Failing()
    {
        yield return "one";
        await Task.Yield();
        throw Failure(ErrorKind.InvalidState);
    }
}
