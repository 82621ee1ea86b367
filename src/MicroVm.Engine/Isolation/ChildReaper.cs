using System.Runtime.InteropServices;
using MicroVm.Engine.Native;

namespace MicroVm.Engine.Isolation;

/// <summary>
/// Reaps the VMMs this process started, as they end, and hands on how they ended. .NET reaps only what <see cref="System.Diagnostics.Process"/> started.
/// </summary>
internal static class ChildReaper
{
    private static readonly Dictionary<ProcessIdentity, Child> s_children = [];
    private static PosixSignalRegistration? s_registration;

    /// <summary>Begins to watch a child of this process.</summary>
    public static void Watch(ProcessIdentity child, Action<ProcessIdentity, ProcessExit> ended)
    {
        ProcessDescriptor process = ProcessDescriptor.TryOpen(child.ProcessId)!;
        try
        {
            lock (s_children)
            {
                s_registration ??= PosixSignalRegistration.Create(PosixSignal.SIGCHLD, _ => ReapEnded());
                s_children.Add(child, new Child(process, ended));
            }
        }
        catch
        {
            process.Dispose();
            throw;
        }

        // It may have ended before it was known here.
        ReapEnded();
    }

    /// <summary>Reaps every watched child that has ended; the callbacks have run when this returns.</summary>
    public static void ReapEnded()
    {
        lock (s_children)
        {
            foreach ((ProcessIdentity identity, Child child) in s_children)
            {
                if (child.Process.TryReap() is { } exit)
                {
                    s_children.Remove(identity);
                    child.Process.Dispose();
                    child.Ended(identity, exit);
                }
            }
        }
    }

    private sealed record Child(ProcessDescriptor Process, Action<ProcessIdentity, ProcessExit> Ended);
}
