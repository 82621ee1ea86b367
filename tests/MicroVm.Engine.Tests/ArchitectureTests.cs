using System.Text.RegularExpressions;

namespace MicroVm.Engine.Tests;

/// <summary>Dependencies point one way. Where a rule gets in the way, change it here, and say why.</summary>
public sealed partial class ArchitectureTests
{
    // What each folder may use of the others, besides the engine's root and Errors.
    private static readonly Dictionary<string, string[]> s_allowed = new()
    {
        ["Errors"] = [],
        ["Native"] = [],
        ["State"] = ["Native"],
        ["Guest"] = ["State", "Native"],
        ["Storage"] = ["State", "Native"],
        ["Isolation"] = ["State", "Native"],
        // Which VMM runs is nothing to a network.
        ["Network"] = ["State", "Native"],
        // A driver knows nothing of the engine's records.
        ["Vmm"] = ["Native"],
        // For sparse copies and digests, see the test below.
        ["Snapshots"] = ["State", "Native", "Storage"],
        ["Machines"] = ["Vmm", "Isolation", "Network", "Storage", "Snapshots", "Guest", "State", "Native"],
        ["Keeper"] = ["Machines", "Network", "Isolation", "Guest", "State", "Native"],
        ["Hosts"] = ["Keeper", "Machines", "Vmm", "Isolation", "Network", "Storage", "Snapshots", "Guest", "State", "Native"],
    };

    [Fact]
    public void Every_folder_has_its_rule() =>
        Assert.Equal(s_allowed.Keys.Order(), Sources().Select(source => source.Folder).Where(folder => folder.Length > 0).Distinct().Order());

    [Fact]
    public void Dependencies_point_one_way()
    {
        List<string> wrong = [];
        foreach ((string file, string folder, string text) in Sources())
        {
            if (folder.Length == 0)
            {
                // The root holds the facade, which uses everything, and the types that everything uses.
                continue;
            }

            wrong.AddRange(Uses(text)
                .Where(used => used != folder && used != "Errors" && !s_allowed[folder].Contains(used))
                .Select(used => $"{file} uses {used}"));
        }

        Assert.Empty(wrong);
    }

    [Fact]
    public void Only_the_facade_of_the_root_uses_folders() =>
        Assert.Equal(["MicroVmEngine.cs"], Sources().Where(source => source.Folder.Length == 0 && Uses(source.Text).Any()).Select(source => source.File));

    [Fact]
    public void Snapshots_use_only_copies_and_digests_of_the_storage()
    {
        string[] types = [.. Sources()
            .Where(source => source.Folder == "Storage")
            .SelectMany(source => TypeDeclaration().Matches(source.Text).Select(match => match.Groups[1].Value))
            .Distinct()
            .Where(type => type is not ("SparseFile" or "CopyUpdate" or "FileDigest" or "StorageErrors" or "Extent"))];
        Assert.Contains("ImageStore", types);

        Assert.All(Sources().Where(source => source.Folder == "Snapshots"), source =>
            Assert.DoesNotContain(types, type => Regex.IsMatch(WithoutComments(source.Text), $@"\b{type}\b")));
    }

    [Fact]
    public void Engine_references_no_PowerShell_and_nothing_that_is_not_in_the_box() =>
        Assert.All(typeof(MicroVmEngine).Assembly.GetReferencedAssemblies(), reference =>
        {
            Assert.DoesNotContain("Automation", reference.Name!, StringComparison.Ordinal);
            Assert.True(
                reference.Name!.StartsWith("System.", StringComparison.Ordinal) || reference.Name.StartsWith("Microsoft.Win32.", StringComparison.Ordinal),
                $"The engine references {reference.Name}.");
        });

    [Fact]
    public void Native_functions_are_called_nowhere_but_in_Native() =>
        Assert.Empty(Sources().Where(source => source.Folder != "Native" && Regex.IsMatch(source.Text, @"\[(LibraryImport|DllImport)\(")).Select(source => source.File));

    [Fact]
    public void No_shell_is_ever_started() =>
        // Guest names the guests' own.
        Assert.Empty(Sources()
            .Where(source => source.Folder != "Guest" && Regex.IsMatch(WithoutComments(source.Text), @"""(/bin/)?(ba|da)?sh"""))
            .Select(source => source.File));

    private static IEnumerable<string> Uses(string text) => Reference().Matches(WithoutComments(text)).Select(match => match.Groups[1].Value).Distinct();

    private static string WithoutComments(string text) => Comment().Replace(text, "");

    // Not by the compiler's paths: a build for CI maps them away.
    private static string RepositoryRoot()
    {
        DirectoryInfo? directory = new(AppContext.BaseDirectory);
        while (directory is not null && !File.Exists(Path.Combine(directory.FullName, "MicroVm.slnx")))
        {
            directory = directory.Parent;
        }

        return directory?.FullName ?? throw new InvalidOperationException($"No MicroVm.slnx above '{AppContext.BaseDirectory}'.");
    }

    private static IEnumerable<(string File, string Folder, string Text)> Sources()
    {
        string root = Path.Combine(RepositoryRoot(), "src/MicroVm.Engine");
        foreach (string path in Directory.EnumerateFiles(root, "*.cs", SearchOption.AllDirectories))
        {
            string file = Path.GetRelativePath(root, path);
            string folder = file.Contains('/', StringComparison.Ordinal) ? file[..file.IndexOf('/', StringComparison.Ordinal)] : "";
            if (folder is not ("obj" or "bin"))
            {
                yield return (file, folder, File.ReadAllText(path));
            }
        }
    }

    // A using directive, or a name that starts at a folder: "Isolation.VmmProcess.Open" works without a directive.
    [GeneratedRegex(@"(?:MicroVm\.Engine\.|(?<![\w.""/])(?=(?:Machines|Hosts|Keeper|Vmm|Isolation|Network|Storage|Snapshots|Guest|State|Native)\.[A-Z]\w*\.))(Machines|Hosts|Keeper|Vmm|Isolation|Network|Storage|Snapshots|Guest|State|Native|Errors)\b(?!\s*\()")]
    private static partial Regex Reference();

    [GeneratedRegex(@"^\s*//.*$|^namespace .*$", RegexOptions.Multiline)]
    private static partial Regex Comment();

    [GeneratedRegex(@"\b(?:class|record|struct|enum|interface)\s+([A-Z]\w+)")]
    private static partial Regex TypeDeclaration();
}
