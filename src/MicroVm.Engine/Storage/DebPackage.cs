using System.Formats.Tar;

using MicroVm.Engine.Native;

namespace MicroVm.Engine.Storage;

/// <summary>A file or symbolic link in a package.</summary>
/// <param name="Path">Its path without a leading slash.</param>
/// <param name="LinkTarget">What the link points at; null for a file.</param>
/// <param name="Content">The content; empty for a link.</param>
internal sealed record DebMember(string Path, string? LinkTarget, byte[] Content);

/// <summary>Takes single files out of Debian packages, without unpacking the rest: a kernel's package has 100 MB of which two are needed.</summary>
internal static class DebPackage
{
    /// <summary>The program that unpacks.</summary>
    public static readonly HostTool DpkgDeb = new("dpkg-deb", "dpkg");

    private static readonly TimeSpan BaseTimeout = TimeSpan.FromSeconds(60);

    // Packages are xz or zstd; this is slow for either.
    private const long BytesPerSecond = 500_000;

    /// <summary>The members whose path (without a leading slash) <paramref name="wanted"/> accepts.</summary>
    /// <exception cref="Errors.MicroVmException">ToolFailed: dpkg-deb is missing, or the package is damaged.</exception>
    public static async Task<IReadOnlyList<DebMember>> ReadAsync(string package, Func<string, bool> wanted, CancellationToken cancellationToken)
    {
        List<DebMember> members = [];
        TimeSpan timeout = BaseTimeout + TimeSpan.FromSeconds(new FileInfo(package).Length / BytesPerSecond);
        await DpkgDeb.StreamAsync(
            ["--fsys-tarfile", package],
            timeout,
            static (_, _) => Task.CompletedTask,
            (tar, token) => Task.Run(() => ReadTar(tar, wanted, members, token), token),
            cancellationToken);
        return members;
    }

    private static void ReadTar(Stream tar, Func<string, bool> wanted, List<DebMember> members, CancellationToken cancellationToken)
    {
        // Reads of half a kilobyte from a pipe add up.
        using BufferedStream buffered = new(tar, 1 << 16);
        using TarReader reader = new(buffered);
        while (reader.GetNextEntry() is { } entry)
        {
            cancellationToken.ThrowIfCancellationRequested();
            string path = entry.Name.StartsWith("./", StringComparison.Ordinal) ? entry.Name[2..] : entry.Name;
            bool isLink = entry.EntryType == TarEntryType.SymbolicLink;
            if ((!isLink && entry.EntryType is not (TarEntryType.RegularFile or TarEntryType.V7RegularFile)) || !wanted(path))
            {
                continue;
            }

            using MemoryStream content = new();
            entry.DataStream?.CopyTo(content);
            members.Add(new DebMember(path, isLink ? entry.LinkName : null, content.ToArray()));
        }

        // Padding may follow the end mark, and dpkg-deb fails when nobody reads it.
        buffered.CopyTo(Stream.Null);
    }
}
