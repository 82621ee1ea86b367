using MicroVm.Engine.Errors;

namespace MicroVm.Engine.Guest.Files;

/// <summary>What can go wrong with a copy, as errors.</summary>
internal static class CopyFailure
{
    /// <summary>The side that a path belongs to, for messages.</summary>
    public const string Host = "on the host";

    /// <summary>The source, or the directory it is to go to, does not exist.</summary>
    public static MicroVmException NotFound(string path, string side) =>
        new(ErrorIds.FileNotFound, ErrorKind.NotFound, $"There is no '{PrintableText.Of(path)}' {side}.") { Target = path };

    /// <summary>The directory that a copy is to be put into does not exist.</summary>
    public static MicroVmException NoDirectory(string path, string side) =>
        new(ErrorIds.FileNotFound, ErrorKind.NotFound, $"There is no directory '{PrintableText.Of(path)}' {side} to put the copy into.")
        {
            Target = path,
            RecommendedAction = "Make it, or end the destination with a slash: a directory that is missing is then made.",
        };

    /// <summary>A directory without the wish for all that is in it.</summary>
    public static MicroVmException NeedsRecurse(string path) => Refused(path, "is a directory", "-Recurse copies directories with all that is in them.");

    /// <summary>It is neither a file nor a directory.</summary>
    public static MicroVmException NothingToCopy(string path) => Refused(path, "is neither a file nor a directory", null);

    /// <summary>A directory stands where a file is to be put.</summary>
    public static MicroVmException InTheWay(string path, string side) => Refused(path, $"is a directory {side}; a file does not replace it", null);

    /// <summary>A file stands where a directory is to be.</summary>
    public static MicroVmException NotADirectory(string path, string side) => Refused(path, $"is no directory {side}", null);

    /// <summary>A device, pipe or socket stands where a file is to be put.</summary>
    public static MicroVmException Special(string path, string side) => Refused(path, $"is a device, pipe or socket {side}; a file does not replace it", null);

    /// <summary>A link stands where a directory is to be: what would be written into it would go elsewhere.</summary>
    public static MicroVmException LinkInTheWay(string path) =>
        Refused(path, "is a symbolic link where the copy has a directory", "Remove the link, or copy to another directory.");

    /// <summary>The present file may not be written.</summary>
    public static MicroVmException ReadOnly(string path, string side) =>
        new(ErrorIds.PermissionDenied, ErrorKind.PermissionDenied, $"'{PrintableText.Of(path)}' {side} is read-only.")
        {
            Target = path,
            RecommendedAction = "-Force replaces files that are read-only.",
        };

    /// <summary>There is more than a copy can hold.</summary>
    public static MicroVmException TooMany(string path) =>
        new(ErrorIds.GuestCopyFailed, ErrorKind.NotSupported, $"'{PrintableText.Of(path)}' has too many files for one copy.")
        {
            Target = path,
            RecommendedAction = "Copy its parts one by one, or pack it into one file first (tar).",
        };

    /// <summary>A name that is no text.</summary>
    public static MicroVmException NotUtf8(string path) =>
        new(ErrorIds.GuestCopyFailed, ErrorKind.NotSupported, $"A name in '{PrintableText.Of(path)}' is not UTF-8.")
        {
            Target = path,
            RecommendedAction = "Rename it, or pack the directory into one file first (tar).",
        };

    /// <summary>What was sent is not what arrived.</summary>
    public static MicroVmException Changed(string path) =>
        new(ErrorIds.GuestCopyFailed, ErrorKind.InvalidData, $"'{PrintableText.Of(path)}' is not what its digest says: it changed while it was copied.")
        {
            Target = path,
            RecommendedAction = "Copy it again when nobody writes to it. Files of /proc and /sys have no size: save what they say to a file first.",
        };

    /// <summary>The guest's list of files is none that a guest would make.</summary>
    public static MicroVmException BadListing(string vmName, string why) =>
        new(ErrorIds.GuestCopyFailed, ErrorKind.InvalidData, $"VM '{vmName}' lists its files in a way that is not to be trusted: {PrintableText.Of(why)}")
        {
            Target = vmName,
        };

    /// <summary>Something in the guest failed, in the guest's words.</summary>
    public static MicroVmException InGuest(string vmName, string words, Exception? cause = null)
    {
        bool isFull = words.Contains("No space left", StringComparison.Ordinal);
        // A cause has the words.
        string what = isFull ? ": No space left" : cause is null ? $": {PrintableText.Of(words.Trim())}" : "";
        return new(ErrorIds.GuestCopyFailed, ErrorKind.ResourceUnavailable, $"Copying failed in the guest of VM '{vmName}'{what}.", cause)
        {
            Target = vmName,
            RecommendedAction = isFull ? "Free space in the guest, or copy to another of its file systems." : null,
        };
    }

    private static MicroVmException Refused(string path, string why, string? advice) =>
        new(ErrorIds.GuestCopyFailed, ErrorKind.InvalidArgument, $"'{PrintableText.Of(path)}' {why}.") { Target = path, RecommendedAction = advice };
}
