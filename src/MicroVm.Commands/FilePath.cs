using System.Management.Automation;
using MicroVm.Engine.Errors;

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
        RequireFileSystem(cmdlet, provider, path);
        return resolved;
    }

    /// <summary>As <see cref="Resolve"/>, and a slash at the end of the path stays: it says that the path is a directory.</summary>
    public static string ResolveDirectory(PSCmdlet cmdlet, string path)
    {
        string resolved = Resolve(cmdlet, path)!;
        return path.EndsWith('/') && !resolved.EndsWith('/') ? resolved + "/" : resolved;
    }

    /// <summary>The paths that a path with wildcards stands for; none when nothing fits. What has no wildcard must exist.</summary>
    /// <exception cref="MicroVmException"><see cref="ErrorIds.FileNotFound"/>.</exception>
    public static IEnumerable<string> Expand(PSCmdlet cmdlet, string path)
    {
        try
        {
            IEnumerable<string> resolved = cmdlet.SessionState.Path.GetResolvedProviderPathFromPSPath(path, out ProviderInfo provider);
            RequireFileSystem(cmdlet, provider, path);
            return resolved;
        }
        catch (ItemNotFoundException)
        {
            throw new MicroVmException(ErrorIds.FileNotFound, ErrorKind.NotFound, $"There is no '{path}' on the host.") { Target = path };
        }
    }

    private static void RequireFileSystem(PSCmdlet cmdlet, ProviderInfo provider, string path)
    {
        if (provider.Name != "FileSystem")
        {
            PSArgumentException failure = new($"'{path}' is not in the file system.");
            cmdlet.ThrowTerminatingError(new ErrorRecord(failure, "NotAFileSystemPath", ErrorCategory.InvalidArgument, path));
        }
    }
}
