namespace MicroVm.Engine.Native;

/// <summary>Finds programs the way a shell does, and where administrators' tools live besides.</summary>
internal static class ProgramFinder
{
    /// <summary>The absolute path of a program, or null.</summary>
    public static string? Find(string name) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "")
            .Split(':', StringSplitOptions.RemoveEmptyEntries)
            .Concat(["/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin", "/sbin"])
            .Select(directory => Path.Combine(directory, name))
            .FirstOrDefault(IsExecutable);

    /// <summary>Whether an absolute path is a program's.</summary>
    public static bool IsExecutable(string path) =>
        Path.IsPathRooted(path)
        && File.Exists(path)
        && (File.GetUnixFileMode(path) & (UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute)) != 0;
}
