using System.Text;
using MicroVm.Engine.Errors;

namespace MicroVm.Engine.Guest.Files;

/// <summary>Paths of a guest.</summary>
internal static class GuestPath
{
    // PATH_MAX and NAME_MAX of Linux, without the NUL.
    private const int LongestPath = 4095;
    private const int LongestName = 255;

    /// <summary>Checks a path that a user gave, and gives it without slashes that say nothing.</summary>
    /// <exception cref="MicroVmException">It is not absolute, or cannot be one.</exception>
    public static string Normalise(string path)
    {
        if (!path.StartsWith('/') || path.Contains('\0', StringComparison.Ordinal) || Encoding.UTF8.GetByteCount(path) > LongestPath)
        {
            throw new MicroVmException(
                ErrorIds.GuestCopyFailed,
                ErrorKind.InvalidArgument,
                $"'{PrintableText.Of(path)}' is no path in a guest: it has to be absolute, as in '/root/file'.")
            {
                Target = path,
            };
        }

        return "/" + string.Join('/', path.Split('/', StringSplitOptions.RemoveEmptyEntries).Where(part => part != "."));
    }

    /// <summary>Whether a path says that it is a directory.</summary>
    public static bool IsDirectory(string path) => path.EndsWith('/') || path.EndsWith("/.", StringComparison.Ordinal);

    /// <summary>The name that what a path leads to has in a directory.</summary>
    /// <exception cref="MicroVmException">It has none.</exception>
    public static string NameOf(string path)
    {
        string name = path.TrimEnd('/');
        name = name[(name.LastIndexOf('/') + 1)..];
        return IsName(name) ? name : throw new MicroVmException(
            ErrorIds.GuestCopyFailed, ErrorKind.InvalidArgument, $"'{PrintableText.Of(path)}' has no name under which it could be put into a directory.")
        {
            Target = path,
            RecommendedAction = "Give a path that ends in a name.",
        };
    }

    /// <summary>Whether it is a name of one entry of a directory, and of no other.</summary>
    public static bool IsName(string name) =>
        name is not ("" or "." or "..") && !name.AsSpan().ContainsAny('/', '\0') && Encoding.UTF8.GetByteCount(name) <= LongestName;
}
