using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using MicroVm.Engine.Guest.Agent;

namespace MicroVm.Engine.Guest.Fixups;

/// <summary>Freezes the workload of a guest and thaws it (cgroup.freeze and cgroup.events, cgroups(7)), where the guest has one.</summary>
internal static class WorkloadFreezer
{
    // A process that waits for a disk freezes when the disk has answered.
    private static readonly TimeSpan s_freezeLimit = TimeSpan.FromMilliseconds(500);

    // Longer than all that is to be done while the workload is frozen may take; in the guest's time, which stands while the guest does.
    private static readonly TimeSpan s_guardDelay = TimeSpan.FromSeconds(30);

    // "populated 1", "frozen 1".
    private const int EventsBytes = 256;

    private static readonly byte[] s_frozen = Encoding.ASCII.GetBytes("frozen 1");

    /// <summary>
    /// Starts the guard: a process in the guest, outside the workload, that thaws it after 30 s unless <see cref="DismissGuardAsync"/> ends it before. It is part of any
    /// snapshot taken now, so clones have it as well.
    /// </summary>
    /// <returns>False when the guest has no workload that can be frozen.</returns>
    public static async Task<bool> GuardAsync(AgentConnection connection, GuestAgent agent, WorkloadCgroups cgroups, CancellationToken cancellationToken)
    {
        string delay = ((int)s_guardDelay.TotalSeconds).ToString(CultureInfo.InvariantCulture);
        AgentExecStatus status =
            await GuestProgram.RunScriptAsync(connection, agent, "guard", [cgroups.Workload, cgroups.Guard, delay], default, cancellationToken);
        return status.ExitCode == 0;
    }

    /// <summary>Freezes the workload and waits until all of it stands. Whatever comes of it, it has to be thawed.</summary>
    /// <returns>Since when it stands, as a timestamp of <see cref="Stopwatch"/>; null when not all of it does.</returns>
    public static async Task<long?> FreezeAsync(AgentConnection connection, WorkloadCgroups cgroups, CancellationToken cancellationToken)
    {
        long[] handles = Handles(await connection.CallAllAsync(
            cancellationToken, AgentCalls.OpenFile(EventsOf(cgroups), "r"), AgentCalls.OpenFile(FreezeOf(cgroups), "w")));
        long start = Stopwatch.GetTimestamp();
        bool frozen = IsFrozen((await connection.CallAllAsync(
            cancellationToken, AgentCalls.WriteFile(handles[1], "1"u8.ToArray()), AgentCalls.CloseFile(handles[1]), ReadEvents(handles[0])))[2]);
        while (!frozen && Stopwatch.GetElapsedTime(start) < s_freezeLimit)
        {
            frozen = IsFrozen((await connection.CallAllAsync(cancellationToken, AgentCalls.SeekFile(handles[0], 0), ReadEvents(handles[0])))[1]);
        }

        await connection.CloseFileAsync(handles[0], cancellationToken);
        return frozen ? start : null;
    }

    /// <summary>Whether all of the workload stands.</summary>
    public static async Task<bool> IsFrozenAsync(AgentConnection connection, WorkloadCgroups cgroups, CancellationToken cancellationToken)
    {
        long events = await connection.OpenFileAsync(EventsOf(cgroups), "r", cancellationToken);
        return IsFrozen((await connection.CallAllAsync(cancellationToken, ReadEvents(events), AgentCalls.CloseFile(events)))[0]);
    }

    /// <summary>Thaws the workload.</summary>
    public static Task ThawAsync(AgentConnection connection, WorkloadCgroups cgroups, CancellationToken cancellationToken) =>
        GuestTextFile.WriteAsync(connection, FreezeOf(cgroups), "0", cancellationToken);

    /// <summary>Ends the guard; not before the workload is thawed.</summary>
    public static Task DismissGuardAsync(AgentConnection connection, WorkloadCgroups cgroups, CancellationToken cancellationToken) =>
        GuestTextFile.WriteAsync(connection, Path.Combine(cgroups.Guard, "cgroup.kill"), "1", cancellationToken);

    private static string EventsOf(WorkloadCgroups cgroups) => Path.Combine(cgroups.Workload, "cgroup.events");

    private static string FreezeOf(WorkloadCgroups cgroups) => Path.Combine(cgroups.Workload, "cgroup.freeze");

    private static long[] Handles(IEnumerable<JsonElement> answers) => [.. answers.Select(AgentCalls.Number)];

    private static AgentRequest ReadEvents(long handle) => AgentCalls.ReadFile(handle, EventsBytes);

    private static bool IsFrozen(JsonElement events) => AgentCalls.FileContent(events).AsSpan().IndexOf(s_frozen) >= 0;
}
