using System.Globalization;
using System.Text;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Native;

namespace MicroVm.Engine.Guest.Files;

/// <summary>
/// Reads what the script <c>copy-list</c> prints. Nothing in it is believed: a path that does not lie in the tree, a name that is given twice, or an entry of
/// something that is no directory makes the whole list worthless.
/// </summary>
internal static class GuestListing
{
    /// <summary>The longest list, in bytes: as much as the agent may well take into its memory. Some hundred thousand files.</summary>
    public const int MostBytes = 8 << 20;

    private static readonly UTF8Encoding s_strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Reads a list.</summary>
    /// <param name="output">What the script printed.</param>
    /// <param name="source">The path of the root, for errors.</param>
    /// <param name="vmName">The VM's name, for errors.</param>
    /// <returns>The entries: the root, which is a file or directory, and parents before what is in them.</returns>
    /// <exception cref="MicroVmException">It is none, has gaps, or has too many entries or names that are not UTF-8.</exception>
    public static IReadOnlyList<TreeEntry> Parse(ReadOnlySpan<byte> output, string source, string vmName)
    {
        if (output.Length >= MostBytes)
        {
            throw CopyFailure.TooMany(source);
        }

        List<TreeEntry> entries = [];
        Dictionary<string, EntryKind> known = [];
        while (!output.IsEmpty)
        {
            if (output.SequenceEqual("!"u8))
            {
                throw CopyFailure.InGuest(vmName, $"some of the files in '{source}' went away or could not be looked at while they were listed");
            }

            int end = output.IndexOf("//"u8);
            int line = end < 0 ? -1 : output[end..].IndexOf((byte)'\n');
            if (line < 0)
            {
                throw CopyFailure.BadListing(vmName, "An entry has no end.");
            }

            TreeEntry entry = TreeEntry.From(PathOf(output[..end], source, vmName), Facts(output.Slice(end + 2, line - 2), vmName));
            Check(entry, known, vmName);
            entries.Add(entries.Count < TreeEntry.Most ? entry : throw CopyFailure.TooMany(source));
            output = output[(end + line + 1)..];
        }

        return entries.Count > 0 ? entries : throw CopyFailure.BadListing(vmName, "It is empty.");
    }

    /// <summary>Reads what the script <c>copy-targets</c> prints.</summary>
    /// <param name="output">What it printed.</param>
    /// <param name="count">How many links it was asked for.</param>
    /// <param name="source">The path of the root, for errors.</param>
    /// <param name="vmName">The VM's name, for errors.</param>
    public static string[] ParseTargets(ReadOnlySpan<byte> output, int count, string source, string vmName)
    {
        string[] targets = Text(output, source).Split('\0');
        // The last one has a NUL after it, too.
        return targets.Length == count + 1 && targets[count].Length == 0 && targets.Take(count).All(target => target.Length > 0)
            ? targets[..count]
            : throw CopyFailure.BadListing(vmName, "A link points nowhere.");
    }

    private static string PathOf(ReadOnlySpan<byte> bytes, string source, string vmName)
    {
        string path = Text(bytes, source);
        return path == "." ? ""
            : path.StartsWith("./", StringComparison.Ordinal) && path[2..].Split('/').All(GuestPath.IsName) ? path[2..]
            : throw CopyFailure.BadListing(vmName, $"'{path}' does not lie in what is copied.");
    }

    private static string Text(ReadOnlySpan<byte> bytes, string source)
    {
        try
        {
            return s_strict.GetString(bytes);
        }
        catch (DecoderFallbackException)
        {
            throw CopyFailure.NotUtf8(source);
        }
    }

    private static void Check(TreeEntry entry, Dictionary<string, EntryKind> known, string vmName)
    {
        bool isRoot = entry.Path.Length == 0;
        if (isRoot ? known.Count > 0 || entry.Kind == EntryKind.Link : !known.TryGetValue(entry.Parent, out EntryKind parent) || parent != EntryKind.Directory)
        {
            throw CopyFailure.BadListing(vmName, $"'{entry.Path}' is in no directory of it.");
        }

        if (!known.TryAdd(entry.Path, entry.Kind))
        {
            throw CopyFailure.BadListing(vmName, $"'{entry.Path}' is in it twice.");
        }
    }

    // "81a4 4096 1700000000"
    private static FileEntry Facts(ReadOnlySpan<byte> text, string vmName)
    {
        Span<Range> parts = stackalloc Range[4];
        string line = Encoding.Latin1.GetString(text);
        if (line.AsSpan().Split(parts, ' ') == 3
            && int.TryParse(line.AsSpan(parts[0]), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int mode)
            && long.TryParse(line.AsSpan(parts[1]), NumberStyles.None, CultureInfo.InvariantCulture, out long length)
            && long.TryParse(line.AsSpan(parts[2]), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long modifiedAt))
        {
            return new FileEntry(mode & FileEntry.TypeMask, (UnixFileMode)(mode & 0xFFF), length, modifiedAt);
        }

        throw CopyFailure.BadListing(vmName, $"'{line}' says nothing of a file.");
    }
}
