using MicroVm.Engine.Errors;

namespace MicroVm.Engine.Storage;

/// <summary>Turns what the file API throws into the engine's typed errors.</summary>
internal static class StorageErrors
{
    private const int ENoSpc = 28;
    private const int EDQuot = 122;
    private const int EPerm = 1;
    private const int EAcces = 13;
    private const int ERoFs = 30;

    /// <summary>The error of a failed file operation; any other exception as it is.</summary>
    public static Exception WrapOrSame(Exception cause, string path) => cause is IOException or UnauthorizedAccessException ? Wrap(cause, path) : cause;

    /// <summary>The error of a failed file operation: DiskFull, PermissionDenied, or StorageFailed, about <paramref name="path"/>.</summary>
    public static MicroVmException Wrap(Exception cause, string path)
    {
        // The file API and the wrappers in Native keep the errno there.
        int errno = cause.HResult;
        return (cause, errno) switch
        {
            (_, ENoSpc or EDQuot) => Full(cause, path),
            (UnauthorizedAccessException, _) or (_, EPerm or EAcces or ERoFs) => new(ErrorIds.PermissionDenied, ErrorKind.PermissionDenied, $"'{path}' may not be accessed.", cause) { Target = path },
            _ => new(ErrorIds.StorageFailed, ErrorKind.ResourceUnavailable, $"A file operation on '{path}' failed.", cause) { Target = path },
        };
    }

    /// <summary>The error for a file system without space.</summary>
    public static MicroVmException Full(Exception cause, string path) =>
        new(ErrorIds.DiskFull, ErrorKind.ResourceUnavailable, $"No space is left for '{path}'.", cause)
        {
            Target = path,
            RecommendedAction = "Free space on that file system, or move the data directory with MICROVM_HOME.",
        };
}
