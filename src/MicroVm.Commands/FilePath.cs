using System.Management.Automation;

namespace MicroVm.Commands;

/// <summary>Resolves paths as PowerShell means them: relative to its location, with drives and the tilde.</summary>
internal static class FilePath
{
    /// <summary>The path for the system; it need not exist. A path of another provider than the file system ends the pipeline.</summary>
    public static string? Resolve(PSCmdlet cmdlet, string? path)
    {
        if (path is null)
        {
            return null;
        }

        string resolved = cmdlet.SessionState.Path.GetUnresolvedProviderPathFromPSPath(path, out ProviderInfo provider, out _);
        if (provider.Name != "FileSystem")
        {
            PSArgumentException failure = new($"'{path}' is not in the file system.");
            cmdlet.ThrowTerminatingError(new ErrorRecord(failure, "NotAFileSystemPath", ErrorCategory.InvalidArgument, path));
        }

        return resolved;
    }
}
