using System.Globalization;
using System.Text;

namespace MicroVm.Engine.Guest.Files;

/// <summary>
/// Copies a file or tree of a guest to the host. The guest is not trusted: it says what there is and what is in it, and nothing it says makes the host write
/// elsewhere than below the place of the copy, or more than it announced.
/// </summary>
/// <param name="guest">The guest.</param>
/// <param name="copy">What to copy.</param>
/// <param name="meter">Counts.</param>
/// <param name="observer">Hears of what is left out.</param>
internal sealed class GuestDownload(AgentFiles guest, GuestCopy copy, CopyMeter meter, IOperationObserver observer)
{
    /// <summary>Copies.</summary>
    /// <returns>The path of the copy.</returns>
    /// <exception cref="Errors.MicroVmException">It could not be copied. Files that are whole stay.</exception>
    /// <exception cref="IOException">The copy cannot be written.</exception>
    public async Task<string> RunAsync(CancellationToken cancellationToken)
    {
        string source = GuestPath.Normalise(copy.Source);
        string name = GuestPath.NameOf(source);
        meter.Look();
        IReadOnlyList<TreeEntry> entries = await ListAsync(source, cancellationToken);
        List<TreeEntry> files = [.. entries.Where(entry => entry.Kind == EntryKind.File)];
        meter.Begin(files);
        string place = HostPlace.Find(copy.Destination, name);
        foreach (TreeEntry other in entries.Where(entry => entry.Kind == EntryKind.Other))
        {
            observer.Warning($"'{PrintableText.Of(other.Below(source))}' {guest.Side} is left out: it is a device, pipe or socket.");
        }

        List<TreeEntry> made = [];
        try
        {
            foreach (TreeEntry directory in entries.Where(entry => entry.Kind == EntryKind.Directory))
            {
                if (HostPlace.MakeDirectory(directory.Below(place)))
                {
                    made.Add(directory);
                }
            }

            foreach (IReadOnlyList<TreeEntry> batch in CopyBatches.Of(files, (_, _) => true))
            {
                await CopyAsync(batch, source, place, cancellationToken);
            }

            // After all files: nothing of this copy is written through them.
            await MakeLinksAsync(entries, source, place, cancellationToken);
        }
        finally
        {
            // Also of an unfinished copy: the next one takes them as they are. The deepest first: after its parent one might not get into it.
            foreach (TreeEntry directory in Enumerable.Reverse(made))
            {
                try
                {
                    File.SetUnixFileMode(directory.Below(place), directory.Mode);
                }
                catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
                {
                    observer.Warning($"'{PrintableText.Of(directory.Below(place))}' did not get its permissions: {exception.Message}");
                }
            }
        }

        return place;
    }

    private async Task<IReadOnlyList<TreeEntry>> ListAsync(string source, CancellationToken cancellationToken)
    {
        byte[] output = await guest.RunAsync(
            "copy-list", [source, GuestListing.MostBytes.ToString(CultureInfo.InvariantCulture), copy.Recurse ? "all" : ""], cancellationToken);
        IReadOnlyList<TreeEntry> entries = GuestListing.Parse(output, source, guest.VMName);
        return entries[0].Kind switch
        {
            EntryKind.Other => throw CopyFailure.NothingToCopy(source),
            EntryKind.Directory when !copy.Recurse => throw CopyFailure.NeedsRecurse(source),
            _ => entries,
        };
    }

    private async Task CopyAsync(IReadOnlyList<TreeEntry> batch, string source, string place, CancellationToken cancellationToken)
    {
        List<HostFile> copies = [];
        try
        {
            foreach (TreeEntry file in batch)
            {
                string path = file.Below(place);
                HostPlace.RequireReplaceable(path, copy.Force);
                copies.Add(new HostFile(path, file));
            }

            string[] paths = [.. batch.Select(file => file.Below(source))];
            long[] handles = await guest.OpenAsync(paths, "r", cancellationToken);
            await (batch.Count == 1
                ? ReceiveAsync(batch[0], source, copies[0], handles[0], cancellationToken)
                : ReceiveAsync(batch, copies, handles, cancellationToken));
            await CheckAsync(paths, copies, cancellationToken);
            copies.ForEach(file => file.Place());
        }
        catch
        {
            await guest.CleanUpAsync(leftover: null, observer);
            throw;
        }
        finally
        {
            copies.ForEach(file => file.Dispose());
        }

        meter.Finish(batch);
    }

    private async Task ReceiveAsync(TreeEntry file, string source, HostFile copied, long handle, CancellationToken cancellationToken)
    {
        while (copied.Length < file.Length)
        {
            byte[] chunk = await guest.ReadAsync(handle, cancellationToken);
            // A file that grows differs from its digest then; what it has more does not come to the host.
            int length = (int)Math.Min(chunk.Length, file.Length - copied.Length);
            if (length == 0)
            {
                throw CopyFailure.Changed(file.Below(source));
            }

            copied.Write(chunk.AsSpan(0, length));
            meter.Move(file, length);
        }

        await guest.CloseAsync(handle, cancellationToken);
    }

    private async Task ReceiveAsync(IReadOnlyList<TreeEntry> files, List<HostFile> copies, long[] handles, CancellationToken cancellationToken)
    {
        byte[][] contents = await guest.ReadAndCloseAsync(handles, cancellationToken);
        for (int i = 0; i < contents.Length; i++)
        {
            copies[i].Write(contents[i].AsSpan(0, (int)Math.Min(contents[i].Length, files[i].Length)));
            meter.Move(files[i], contents[i].Length);
        }
    }

    // The guest reads the files again, so that what changed while they were read shows.
    private async Task CheckAsync(string[] paths, List<HostFile> copies, CancellationToken cancellationToken)
    {
        string[] lines = Encoding.ASCII.GetString(await guest.RunAsync("copy-digests", paths, cancellationToken)).Split('\n');
        for (int i = 0; i < copies.Count; i++)
        {
            if (i >= lines.Length || lines[i].Split(' ')[0] != copies[i].Digest())
            {
                throw CopyFailure.Changed(paths[i]);
            }
        }
    }

    private async Task MakeLinksAsync(IEnumerable<TreeEntry> entries, string source, string place, CancellationToken cancellationToken)
    {
        foreach (TreeEntry[] links in CopyBatches.OfNames(entries.Where(entry => entry.Kind == EntryKind.Link)))
        {
            byte[] output = await guest.RunAsync("copy-targets", [.. links.Select(link => link.Below(source))], cancellationToken);
            string[] targets = GuestListing.ParseTargets(output, links.Length, source, guest.VMName);
            for (int i = 0; i < links.Length; i++)
            {
                string path = links[i].Below(place);
                HostPlace.RequireReplaceable(path, copy.Force);
                File.Delete(path);
                File.CreateSymbolicLink(path, targets[i]);
            }
        }
    }
}
