using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Win32.SafeHandles;
using MicroVm.Engine.Guest.Agent;
using MicroVm.Engine.Native;

namespace MicroVm.Engine.Guest.Files;

/// <summary>
/// Copies a file or tree of the host into a guest. Files come together in a directory beside their places that only root may enter, for the agent makes files
/// that everybody may write. There a script holds them against the digests of what was read on the host, and renames them into their places.
/// </summary>
/// <param name="guest">The guest.</param>
/// <param name="copy">What to copy.</param>
/// <param name="meter">Counts.</param>
/// <param name="observer">Hears of what is left out.</param>
internal sealed class GuestUpload(AgentFiles guest, GuestCopy copy, CopyMeter meter, IOperationObserver observer)
{
    /// <summary>Copies.</summary>
    /// <returns>The path of the copy.</returns>
    /// <exception cref="Errors.MicroVmException">It could not be copied. Files that are whole stay.</exception>
    /// <exception cref="IOException">The source cannot be read.</exception>
    public async Task<string> RunAsync(CancellationToken cancellationToken)
    {
        string destination = GuestPath.Normalise(copy.Destination);
        string source = Path.GetFullPath(copy.Source);
        meter.Look();
        IReadOnlyList<TreeEntry> entries = HostTree.List(source, copy.Recurse, cancellationToken);
        List<TreeEntry> files = [.. entries.Where(entry => entry.Kind == EntryKind.File)];
        meter.Begin(files);
        string place = await FindPlaceAsync(destination, GuestPath.NameOf(source), cancellationToken);
        foreach (TreeEntry other in entries.Where(entry => entry.Kind == EntryKind.Other))
        {
            observer.Warning($"'{PrintableText.Of(other.Below(source))}' is left out: it is a device, pipe or socket.");
        }

        await MakeDirectoriesAsync(entries, place, cancellationToken);
        foreach (IReadOnlyList<TreeEntry> batch in CopyBatches.Of(files, (first, next) => first.Parent == next.Parent))
        {
            await CopyAsync(batch, source, place, cancellationToken);
        }

        await MakeLinksAsync(entries, source, place, cancellationToken);
        return place;
    }

    private async Task<string> FindPlaceAsync(string destination, string name, CancellationToken cancellationToken) => Encoding.UTF8.GetString(
        await guest.RunAsync("copy-place", [destination, GuestPath.IsDirectory(copy.Destination) ? "into" : "", name], cancellationToken));

    private async Task MakeDirectoriesAsync(IEnumerable<TreeEntry> entries, string place, CancellationToken cancellationToken)
    {
        foreach (TreeEntry[] directories in CopyBatches.OfNames(entries.Where(entry => entry.Kind == EntryKind.Directory)))
        {
            IEnumerable<string> arguments = directories.SelectMany(directory => (string[])[Octal(directory.Mode), directory.Below(place)]);
            await guest.RunAsync("copy-directories", [.. arguments], cancellationToken);
        }
    }

    private async Task MakeLinksAsync(IEnumerable<TreeEntry> entries, string source, string place, CancellationToken cancellationToken)
    {
        foreach (TreeEntry[] links in CopyBatches.OfNames(entries.Where(entry => entry.Kind == EntryKind.Link)))
        {
            IEnumerable<string> arguments = links.SelectMany(link => (string[])[TargetOf(link.Below(source)), link.Below(place)]);
            await guest.RunAsync("copy-links", [.. arguments], cancellationToken);
        }
    }

    private async Task CopyAsync(IReadOnlyList<TreeEntry> batch, string source, string place, CancellationToken cancellationToken)
    {
        string first = batch[0].Below(place);
        string directory = first[..(first.LastIndexOf('/') + 1)];
        string staging = $".microvm-{RandomNumberGenerator.GetHexString(16, lowercase: true)}";
        string[] names = [.. batch.Select(file => GuestPath.NameOf(file.Below(place)))];
        try
        {
            cancellationToken.ThrowIfCancellationRequested();
            // Its end is waited for in any case: it could make the directory after that was removed.
            await guest.RunAsync("copy-begin", [directory, staging, copy.Force ? "force" : "", .. names], CancellationToken.None);
            long[] handles = await guest.OpenAsync([.. batch.Select((_, number) => $"{directory}{staging}/{number}")], "w", cancellationToken);
            string[] digests = batch.Count == 1
                ? [await SendAsync(batch[0], source, handles[0], cancellationToken)]
                : await SendAsync(batch, source, handles, cancellationToken);
            string sums = string.Concat(digests.Select((digest, number) => string.Create(CultureInfo.InvariantCulture, $"{digest}  {number}\n")));
            await guest.RunAsync("copy-finish", [directory, staging, sums, .. names], cancellationToken, Attributes(batch));
        }
        catch
        {
            await guest.CleanUpAsync(directory + staging, observer);
            throw;
        }

        meter.Finish(batch);
    }

    private async Task<string> SendAsync(TreeEntry file, string source, long handle, CancellationToken cancellationToken)
    {
        using SafeFileHandle content = Open(file.Below(source));
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] buffer = new byte[(int)Math.Min(file.Length, AgentCalls.FileChunkBytes)];
        // No further than it was long: what is appended meanwhile is not waited for.
        for (long offset = 0; offset < file.Length;)
        {
            Memory<byte> chunk = buffer.AsMemory(0, (int)Math.Min(buffer.Length, file.Length - offset));
            Read(content, chunk.Span, offset, file, source);
            hash.AppendData(chunk.Span);
            await guest.WriteAsync(handle, chunk, cancellationToken);
            offset += chunk.Length;
            meter.Move(file, chunk.Length);
        }

        await guest.CloseAsync(handle, cancellationToken);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private async Task<string[]> SendAsync(IReadOnlyList<TreeEntry> files, string source, IReadOnlyList<long> handles, CancellationToken cancellationToken)
    {
        ReadOnlyMemory<byte>[] contents = [.. files.Select(file =>
        {
            byte[] content = new byte[file.Length];
            using SafeFileHandle handle = Open(file.Below(source));
            Read(handle, content, 0, file, source);
            return (ReadOnlyMemory<byte>)content;
        })];
        await guest.WriteAndCloseAsync(handles, contents, cancellationToken);
        for (int i = 0; i < contents.Length; i++)
        {
            meter.Move(files[i], contents[i].Length);
        }

        return [.. contents.Select(content => Convert.ToHexStringLower(SHA256.HashData(content.Span)))];
    }

    private static string TargetOf(string link) => new FileInfo(link).LinkTarget ?? throw CopyFailure.Changed(link);

    private static SafeFileHandle Open(string path) => File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);

    private static void Read(SafeFileHandle content, Span<byte> buffer, long offset, TreeEntry file, string source)
    {
        try
        {
            FileReading.ReadExactly(content, buffer, offset);
        }
        catch (EndOfStreamException)
        {
            throw CopyFailure.Changed(file.Below(source));
        }
    }

    // A line for each mode and each time, with the numbers of the files that get it.
    private static string Attributes(IReadOnlyList<TreeEntry> batch)
    {
        StringBuilder lines = new();
        foreach (IGrouping<string, int> files in Enumerable.Range(0, batch.Count).GroupBy(number => $"mode {Octal(batch[number].Mode)}")
            .Concat(Enumerable.Range(0, batch.Count).GroupBy(number => string.Create(CultureInfo.InvariantCulture, $"time {batch[number].ModifiedAt}"))))
        {
            lines.Append(CultureInfo.InvariantCulture, $"{files.Key} {string.Join(' ', files)}\n");
        }

        return lines.ToString();
    }

    private static string Octal(UnixFileMode mode) => Convert.ToString((int)mode, 8);
}
