using System.Text;
using MicroVm.Engine.Native;

namespace MicroVm.Engine.Isolation;

/// <summary>
/// Finds a VMM that no record names, by the mark that <see cref="Launcher"/> puts into its environment: the directory for its temporary files, which lies in
/// the run directory and has a name of its own at each start.
/// </summary>
internal static class VmmSearch
{
    private const string Mark = "TMPDIR=";

    /// <summary>What the environment of a VMM holds.</summary>
    public static string MarkOf(string scratchDirectory) => Mark + scratchDirectory;

    /// <summary>The living processes that were started for that directory.</summary>
    public static IReadOnlyList<ProcessIdentity> Find(string scratchDirectory)
    {
        byte[] mark = Encoding.UTF8.GetBytes($"{MarkOf(scratchDirectory)}\0");
        List<ProcessIdentity> found = [];
        foreach (string directory in Directory.EnumerateDirectories("/proc"))
        {
            // Its identity first: if that is the same afterwards, so was the process whose environment was read.
            if (int.TryParse(Path.GetFileName(directory), out int processId)
                && ProcessIdentity.Of(processId) is { IsAlive: true } process
                && IsMarked(directory, mark)
                && process.IsAlive)
            {
                found.Add(process);
            }
        }

        return found;
    }

    private static bool IsMarked(string process, byte[] mark)
    {
        try
        {
            ReadOnlySpan<byte> environment = File.ReadAllBytes(Path.Combine(process, "environ"));
            int at = environment.IndexOf(mark);
            return at == 0 || (at > 0 && environment[at - 1] == 0);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // It has ended, or is another user's and so none of ours.
            return false;
        }
    }
}
