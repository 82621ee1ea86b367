using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;
using MicroVm.Engine.Errors;

namespace MicroVm.Engine.State;

/// <summary>The named networks: a file for each, made and removed whole.</summary>
internal sealed class NamedNetworkStore(MicroVmPaths paths)
{
    private const int CurrentVersion = 1;
    private const string Extension = ".json";

    /// <summary>What is recorded of a named network.</summary>
    /// <param name="Name">Its name as typed.</param>
    /// <param name="Number">What the firewall knows it by: never 0, and its own.</param>
    /// <param name="Description">What the user wrote about it, or null.</param>
    /// <param name="CreatedAt">When it was made.</param>
    internal sealed record Entry(string Name, uint Number, string? Description, DateTimeOffset CreatedAt);

    /// <summary>Makes a network.</summary>
    /// <exception cref="MicroVmException"><see cref="ErrorIds.NetworkAlreadyExists"/>.</exception>
    public Entry Create(string name, string? description)
    {
        MachineStore.MakeLastingDirectory(paths.NetworksDirectory);
        using SafeFileHandle held = DirectoryLock.Take(paths.NetworksDirectory);
        if (Find(name) is not null)
        {
            throw new MicroVmException(ErrorIds.NetworkAlreadyExists, ErrorKind.AlreadyExists, $"A network named '{name}' already exists.")
            {
                Target = name,
                RecommendedAction = "Choose another name.",
            };
        }

        HashSet<uint> numbers = [.. All().Select(network => network.Number)];
        uint number;
        do
        {
            // Other state directories may have networks on this host too.
            number = (uint)RandomNumberGenerator.GetInt32(1, int.MaxValue);
        }
        while (numbers.Contains(number));

        Entry entry = new(name, number, description, DateTimeOffset.Now);
        AtomicFile.Write(PathOf(name), JsonFields.Write(writer =>
        {
            writer.WriteNumber("version", CurrentVersion);
            writer.WriteString("name", entry.Name);
            writer.WriteNumber("number", entry.Number);
            writer.WriteUnlessNull("description", entry.Description);
            writer.WriteString("createdAt", entry.CreatedAt);
        }));
        return entry;
    }

    /// <summary>A network, or null.</summary>
    /// <exception cref="MicroVmException"><see cref="ErrorIds.StateCorrupt"/>.</exception>
    public Entry? Find(string name) => NameRule.IsValid(name) ? Read(PathOf(name)) : null;

    /// <summary>A network.</summary>
    /// <exception cref="MicroVmException"><see cref="ErrorIds.NetworkNotFound"/>.</exception>
    public Entry Get(string name) => Find(name) ?? throw NotFound(name);

    /// <summary>The error for a name that no network has.</summary>
    public static MicroVmException NotFound(string name) => new(ErrorIds.NetworkNotFound, ErrorKind.NotFound, $"There is no network named '{name}'.")
    {
        Target = name,
        RecommendedAction = $"Make it: New-MicroVmNetwork {name}. Get-MicroVmNetwork lists those there are; the others are None, Nat, User, Bridge and Tap.",
    };

    /// <summary>All networks.</summary>
    public IEnumerable<Entry> All() => Directory.Exists(paths.NetworksDirectory)
        ? Directory.EnumerateFiles(paths.NetworksDirectory, "*" + Extension).Select(Read).OfType<Entry>().OrderBy(network => network.Name, StringComparer.OrdinalIgnoreCase)
        : [];

    /// <summary>Removes a network.</summary>
    /// <returns>Whether there was one.</returns>
    public bool Delete(string name)
    {
        bool existed = File.Exists(PathOf(name));
        File.Delete(PathOf(name));
        return existed;
    }

    private static Entry? Read(string path)
    {
        try
        {
            return JsonFields.Read(File.ReadAllBytes(path), fields => fields.SmallNumber("version") == CurrentVersion
                ? new Entry(fields.Text("name"), checked((uint)fields.Number("number")), fields.TextOrNull("description"), fields.Time("createdAt"))
                : throw new JsonException("Another engine wrote it."));
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (Exception exception) when (exception is JsonException or OverflowException)
        {
            throw new MicroVmException(ErrorIds.StateCorrupt, ErrorKind.InvalidData, $"The file '{path}' of a network is damaged.", exception)
            {
                Target = path,
                RecommendedAction = "Delete it and make the network again.",
            };
        }
    }

    private string PathOf(string name) => Path.Combine(paths.NetworksDirectory, name.ToLowerInvariant() + Extension);
}
