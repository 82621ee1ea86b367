using System.Text;
using Microsoft.Win32.SafeHandles;

namespace MicroVm.Engine.Native;

/// <summary>Runs a program in the namespaces of the calling thread, which waits for it: <see cref="HostTool"/> would run it wherever a thread of the pool is.</summary>
internal static class ThreadTool
{
    private const int WordsLimit = 2000;

    /// <summary>Runs a program with a text as its standard input.</summary>
    /// <param name="program">Absolute path of the program.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="input">What it reads.</param>
    /// <param name="limit">It is killed when it runs longer.</param>
    /// <returns>How it ended, or null when it was killed; and the first of what it said, to whichever output.</returns>
    /// <exception cref="LinuxException">It could not be started.</exception>
    public static (ProcessExit? Exit, string Words) Run(string program, IReadOnlyList<string> arguments, string input, TimeSpan limit)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(input);
        using SafeFileHandle standardInput = Descriptors.CreateMemoryFile("input", bytes.Length);
        using SafeFileHandle output = Descriptors.CreateMemoryFile("output", 0);
        RandomAccess.Write(standardInput, bytes, 0);
        int child = ProcessSpawn.Spawn(program, [program, .. arguments], ["LC_ALL=C.UTF-8", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"], [standardInput, output, output]);
        ProcessExit? exit = null;
        using (ProcessDescriptor? process = ProcessDescriptor.TryOpen(child))
        {
            if (process is null || !process.WaitForEnd(limit, CancellationToken.None))
            {
                ProcessSpawn.KillAndReap(child);
            }
            else
            {
                exit = process.TryReap();
            }
        }

        byte[] words = new byte[WordsLimit];
        int length = RandomAccess.Read(output, words, 0);
        return (exit, Encoding.UTF8.GetString(words, 0, length).Trim());
    }
}
