namespace MicroVm.Engine.State;

/// <summary>
/// The directories of runs, each with a link <c>owner</c> to the directory of the VM that it was made for. One without is not ours, or not known to be.
/// </summary>
internal sealed class RunDirectories(MachineStore machines)
{
    private const string Owner = "owner";
    private const string Scratch = "tmp";
    private const string Changing = "changing";
    private const int NameLength = 12;

    /// <summary>The directory for the VMM's temporary files.</summary>
    public static string ScratchIn(string runDirectory) => Path.Combine(runDirectory, Scratch);

    /// <summary>Makes the directory of a run; it never lacks its owner.</summary>
    /// <param name="id">The VM.</param>
    public string Make(Guid id)
    {
        // Short, so that socket paths stay within the kernel's limit; its own, so that a predecessor's sockets are never met.
        string name = Guid.NewGuid().ToString("N")[..NameLength];
        string path = Path.Combine(machines.Paths.RunDirectory, name);
        string staging = Path.Combine(machines.Paths.RunDirectory, OwnedName.Of(OwnedName.StagingPrefix + name));
        MachineStore.MakeDirectory(staging);
        try
        {
            MachineStore.MakeDirectory(Path.Combine(staging, Scratch));
            File.CreateSymbolicLink(Path.Combine(staging, Owner), machines.DirectoryOf(id));
            Failpoint.Reach(Failpoints.LaunchOwned);
            Directory.Move(staging, path);
            return path;
        }
        catch
        {
            Directory.Delete(staging, recursive: true);
            throw;
        }
    }

    /// <summary>
    /// Notes, for the processes of this boot, that the VMM is about to be told something that is not on record yet: should nobody get to record it, then whoever
    /// comes next has to ask.
    /// </summary>
    public static void BeginChange(string runDirectory) => File.Create(Path.Combine(runDirectory, Changing)).Dispose();

    /// <summary>Takes the note back.</summary>
    public static void EndChange(string runDirectory) => File.Delete(Path.Combine(runDirectory, Changing));

    /// <summary>Whether there is such a note.</summary>
    public static bool IsChanging(string runDirectory) => File.Exists(Path.Combine(runDirectory, Changing));

    /// <summary>Whether that may be the name of a run directory.</summary>
    public static bool IsName(string name) => name.Length == NameLength && name.All(char.IsAsciiHexDigitLower);

    /// <summary>All of them, and those that are being made.</summary>
    public IEnumerable<string> All() => MachineStore.DirectoriesIn(machines.Paths.RunDirectory);

    /// <summary>The VM a run directory was made for; null when it does not say, or names another data directory's.</summary>
    public Guid? OwnerOf(string path) =>
        new FileInfo(Path.Combine(path, Owner)).LinkTarget is { } target
        && Guid.TryParseExact(Path.GetFileName(target), "N", out Guid id)
        && target == machines.DirectoryOf(id)
            ? id
            : null;

    /// <summary>Those that were made for a VM.</summary>
    public IEnumerable<string> Of(Guid id) => All().Where(path => OwnerOf(path) == id);
}
