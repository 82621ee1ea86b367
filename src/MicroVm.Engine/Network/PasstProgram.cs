using System.Collections.Concurrent;
using System.Text.RegularExpressions;
using Microsoft.Win32.SafeHandles;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Native;

namespace MicroVm.Engine.Network;

/// <summary>The installed passt and what it can do: asked of its help, for its versions are dates or unknown.</summary>
internal sealed partial class PasstProgram
{
    /// <summary>How to get it.</summary>
    public const string Advice = "Install it: apt-get install passt, or dnf install passt.";

    private const string Name = "passt";
    private const int HelpBytes = 64 << 10;

    private static readonly TimeSpan s_helpLimit = TimeSpan.FromSeconds(10);

    private static readonly string[] s_needed =
    [
        "fd", "foreground", "quiet", "address", "netmask", "gateway", "mac-addr", "mtu", "dns-forward", "no-map-gw", "no-dhcp", "no-dhcpv6", "no-ra",
        "ipv4-only", "tcp-ports", "udp-ports",
    ];

    private static readonly ConcurrentDictionary<(string Path, DateTime Written, long Length), PasstProgram> s_known = new();

    private PasstProgram(string path, HashSet<string> options)
    {
        Path = path;
        // It came with the versions that drop what a guest sends to a loopback address; before, they passed it on to the host's.
        KeepsLoopback = options.Contains("map-host-loopback");
    }

    /// <summary>The program file.</summary>
    public string Path { get; }

    /// <summary>
    /// Whether it keeps guests from the host's loopback addresses whatever they send. Else root in a guest reaches what listens there, by sending to 127.0.0.1
    /// over its network.
    /// </summary>
    public bool KeepsLoopback { get; }

    /// <summary>Finds it and asks what it can do.</summary>
    /// <param name="path">The program file; null looks for it.</param>
    /// <exception cref="MicroVmException"><see cref="ErrorIds.ToolFailed"/>: not installed, or an option is missing.</exception>
    public static PasstProgram Find(string? path = null)
    {
        FileInfo file = new(path ?? ProgramFinder.Find(Name) ?? throw NotInstalled());
        return s_known.GetOrAdd((file.FullName, file.LastWriteTimeUtc, file.Exists ? file.Length : 0), static key => Ask(key.Path));
    }

    /// <summary>Starts it in the calling thread's namespaces.</summary>
    /// <param name="path">The program file.</param>
    /// <param name="arguments">What follows its name.</param>
    /// <param name="output">Gets its output and errors.</param>
    /// <param name="more">What become its descriptors 3, 4, ….</param>
    /// <returns>The process id of a child that nobody reaps yet.</returns>
    public static int Spawn(string path, IReadOnlyList<string> arguments, BoundedOutput output, params SafeFileHandle[] more)
    {
        using SafeFileHandle nothing = File.OpenHandle("/dev/null", FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        try
        {
            return ProcessSpawn.Spawn(
                path,
                [Name, .. arguments],
                ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"],
                [nothing, output.Handle, output.Handle, .. more]);
        }
        catch (LinuxException exception)
        {
            throw new MicroVmException(ErrorIds.ToolFailed, ErrorKind.NotInstalled, $"'{path}' could not be started.", exception) { Target = path };
        }
    }

    private static PasstProgram Ask(string path)
    {
        using BoundedOutput output = new("passt-help", HelpBytes);
        int child = Spawn(path, ["--help"], output);
        using (ProcessDescriptor process = ProcessDescriptor.TryOpen(child)!)
        {
            process.WaitForEnd(s_helpLimit, CancellationToken.None);
            // Its exit code differs between versions.
            ProcessSpawn.KillAndReap(child);
        }

        HashSet<string> options = [.. Option().Matches(output.Read()).Select(match => match.Groups[1].Value)];
        string[] missing = [.. s_needed.Where(option => !options.Contains(option)).Select(option => $"--{option}")];
        return missing.Length == 0
            ? new PasstProgram(path, options)
            : throw new MicroVmException(ErrorIds.ToolFailed, ErrorKind.NotSupported, $"'{path}' does not know {string.Join(", ", missing)}.")
            {
                Target = path,
                RecommendedAction = "Install a newer passt.",
            };
    }

    private static MicroVmException NotInstalled() => new(ErrorIds.ToolFailed, ErrorKind.NotInstalled, "passt is not installed.")
    {
        Target = Name,
        RecommendedAction = $"{Advice} Or use -Network Nat as root.",
    };

    [GeneratedRegex(@"^\s+(?:-\w,\s+)?--([a-z0-9][a-z0-9-]*)", RegexOptions.Multiline)]
    private static partial Regex Option();
}
