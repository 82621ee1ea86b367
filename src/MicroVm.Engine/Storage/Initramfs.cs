using System.Runtime.InteropServices;
using System.Text;

namespace MicroVm.Engine.Storage;

/// <summary>The root file system of the base image, as the kernel unpacks it into memory. It also starts guests whose root is a disk.</summary>
internal sealed class Initramfs
{
    private const UnixFileMode Program = (UnixFileMode)0b111_101_101;
    private const UnixFileMode Data = (UnixFileMode)0b110_100_100;

    // The names under which the script that stops the guest is called, each in place of busybox's own.
    private static readonly string[] ShutdownNames = ["sbin/poweroff", "sbin/reboot", "sbin/halt", "sbin/shutdown"];

    /// <summary>The static busybox.</summary>
    public required byte[] Busybox { get; init; }

    /// <summary>The paths of its applets, without a leading slash.</summary>
    public required IReadOnlyList<string> Applets { get; init; }

    /// <summary>The kernel's release, which names the directory of its modules.</summary>
    public required string KernelRelease { get; init; }

    /// <summary>The modules, with all that they depend on.</summary>
    public required IReadOnlyList<KernelModule> Modules { get; init; }

    /// <summary>The programs beside busybox, and their libraries: path to content.</summary>
    public required IReadOnlyDictionary<string, byte[]> Programs { get; init; }

    /// <summary>Writes the archive. It is not compressed: with gzip or zstd guests boot slower, with lz4 no faster.</summary>
    /// <exception cref="InvalidDataException">A module lacks one it depends on.</exception>
    public void Write(Stream output)
    {
        CpioWriter cpio = new(output);
        Dictionary<string, Action> entries = Entries(cpio);
        HashSet<string> directories = ["dev", "mnt", "proc", "root", "run", "sys", "tmp", "var"];
        foreach (string path in entries.Keys)
        {
            for (string? parent = Path.GetDirectoryName(path); !string.IsNullOrEmpty(parent); parent = Path.GetDirectoryName(parent))
            {
                directories.Add(parent);
            }
        }

        // In this order parents come before what they hold.
        foreach (string directory in directories.Order(StringComparer.Ordinal))
        {
            cpio.AddDirectory(directory, directory == "tmp" ? Program | UnixFileMode.GroupWrite | UnixFileMode.OtherWrite | UnixFileMode.StickyBit : Program);
        }

        foreach (string path in entries.Keys.Order(StringComparer.Ordinal))
        {
            entries[path]();
        }

        cpio.Finish();
    }

    // Later entries replace earlier ones of the same path: our scripts take the place of some applets.
    private Dictionary<string, Action> Entries(CpioWriter cpio)
    {
        Dictionary<string, Action> entries = [];
        foreach (string applet in Applets)
        {
            entries[applet] = () => cpio.AddLink(applet, "/bin/busybox");
        }

        foreach ((string path, byte[] content) in Programs)
        {
            entries[path] = () => cpio.AddFile(path, content, Program);
        }

        foreach ((string path, UnixFileMode mode, string resource) in GuestFiles.All)
        {
            entries[path] = () => cpio.AddFile(path, GuestFiles.Read(resource), mode);
        }

        foreach (string name in ShutdownNames)
        {
            entries[name] = () => cpio.AddLink(name, "/lib/microvm/shutdown");
        }

        string moduleDirectory = "lib/modules/" + KernelRelease;
        foreach (KernelModule module in Modules)
        {
            entries[$"{moduleDirectory}/{module.FileName}"] = () => cpio.AddFile($"{moduleDirectory}/{module.FileName}", module.Content, Data);
        }

        void AddText(string path, byte[] text) => entries[path] = () => cpio.AddFile(path, text, Data);
        AddText($"{moduleDirectory}/modules.dep", Encoding.UTF8.GetBytes(KernelModuleIndex.Dependencies(Modules)));
        AddText($"{moduleDirectory}/modules.alias", Encoding.UTF8.GetBytes(KernelModuleIndex.Aliases(Modules)));
        AddText("lib/microvm/contract.conf", GuestContract.ToShell());
        string reseed = GuestContract.ReseedProgram.TrimStart('/');
        entries[reseed] = () => cpio.AddFile(reseed, ReseedProgram.For(RuntimeInformation.OSArchitecture), Program);
        entries["bin/busybox"] = () => cpio.AddFile("bin/busybox", Busybox, Program);
        // acpid runs this when the power button is pressed.
        entries["etc/acpi/PWRF/00000080"] = () => cpio.AddLink("etc/acpi/PWRF/00000080", "/sbin/poweroff");
        entries["var/run"] = () => cpio.AddLink("var/run", "/run");
        // The first process writes here before it has mounted anything.
        entries["dev/console"] = () => cpio.AddCharacterDevice("dev/console", 5, 1);
        return entries;
    }
}
