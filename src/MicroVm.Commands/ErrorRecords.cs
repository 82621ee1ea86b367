using System.Management.Automation;
using System.Text;
using MicroVm.Engine.Errors;

namespace MicroVm.Commands;

/// <summary>Makes error records of the engine's failures.</summary>
internal static class ErrorRecords
{
    /// <summary>The record of a failure that concerns the given VM, snapshot, image or name.</summary>
    public static ErrorRecord From(Exception failure, object? target)
    {
        if (failure is not MicroVmException known)
        {
            return new ErrorRecord(failure, failure.GetType().Name, Category(failure), target);
        }

        return new ErrorRecord(known, known.ErrorId, Category(known.Kind), target ?? known.Target)
        {
            ErrorDetails = new ErrorDetails(Describe(known)) { RecommendedAction = known.RecommendedAction ?? string.Empty },
        };
    }

    /// <summary>The record for a name or id that nothing has.</summary>
    public static ErrorRecord NotFound(string errorId, string what, object target) =>
        From(new MicroVmException(errorId, ErrorKind.NotFound, $"There is no {what} '{target}'."), target);

    /// <summary>The record for arguments that do not go together.</summary>
    public static ErrorRecord InvalidCombination(string message) =>
        new(new PSArgumentException(message), "InvalidParameterCombination", ErrorCategory.InvalidArgument, null);

    // PowerShell's concise view shows the recommended action but no causes: they have to be in the text.
    private static string Describe(MicroVmException failure)
    {
        StringBuilder text = new(failure.Message);
        for (Exception? cause = failure.InnerException; cause is not null; cause = cause.InnerException)
        {
            text.Append(' ').Append(cause.Message);
        }

        // It may have words of a guest in it.
        return TerminalText.NeutraliseLines(text.ToString());
    }

    private static ErrorCategory Category(Exception failure) => failure switch
    {
        OperationCanceledException => ErrorCategory.OperationStopped,
        UnauthorizedAccessException => ErrorCategory.PermissionDenied,
        _ => ErrorCategory.NotSpecified,
    };

    private static ErrorCategory Category(ErrorKind kind) => kind switch
    {
        ErrorKind.InvalidArgument => ErrorCategory.InvalidArgument,
        ErrorKind.NotFound => ErrorCategory.ObjectNotFound,
        ErrorKind.AlreadyExists => ErrorCategory.ResourceExists,
        ErrorKind.InvalidState => ErrorCategory.InvalidOperation,
        ErrorKind.Busy => ErrorCategory.ResourceBusy,
        ErrorKind.Ended => ErrorCategory.OperationStopped,
        ErrorKind.Timeout => ErrorCategory.OperationTimeout,
        ErrorKind.ConnectionFailed => ErrorCategory.ConnectionError,
        ErrorKind.Protocol => ErrorCategory.ProtocolError,
        ErrorKind.ResourceUnavailable => ErrorCategory.ResourceUnavailable,
        ErrorKind.CommandFailed => ErrorCategory.FromStdErr,
        ErrorKind.NotInstalled => ErrorCategory.NotInstalled,
        ErrorKind.PermissionDenied => ErrorCategory.PermissionDenied,
        ErrorKind.InvalidData => ErrorCategory.InvalidData,
        ErrorKind.NotSupported => ErrorCategory.NotImplemented,
        _ => ErrorCategory.NotSpecified,
    };
}
