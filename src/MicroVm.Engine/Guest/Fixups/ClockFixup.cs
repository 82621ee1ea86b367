using System.Diagnostics;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Guest.Agent;

namespace MicroVm.Engine.Guest.Fixups;

/// <summary>Sets a guest's clock to the host's: guest-get-time and guest-set-time of the agent, in nanoseconds since 1970.</summary>
internal static class ClockFixup
{
    private const long NanosecondsPerTick = 100;

    /// <summary>Sets the clock and says how far it was and is off.</summary>
    public static async Task<ClockSetting> RunAsync(AgentConnection connection, CancellationToken cancellationToken)
    {
        (TimeSpan before, TimeSpan roundTrip) = await MeasureAsync(connection, cancellationToken);
        string? refusal = null;
        try
        {
            long time = (Now + (roundTrip / 2)).Ticks * NanosecondsPerTick;
            await connection.CallAsync(new AgentRequest("guest-set-time", writer => writer.WriteNumber("time", time)), cancellationToken);
        }
        catch (MicroVmException exception) when (exception.ErrorId is ErrorIds.GuestAgentError or ErrorIds.GuestAgentCommandBlocked)
        {
            // The agent sets the system's clock first, and fails if hwclock(8) does afterwards. What counts is the system's.
            refusal = exception.Message;
        }

        return new ClockSetting(before, (await MeasureAsync(connection, cancellationToken)).Offset, refusal);
    }

    // Since 1970.
    private static TimeSpan Now => DateTime.UtcNow - DateTime.UnixEpoch;

    private static async Task<(TimeSpan Offset, TimeSpan RoundTrip)> MeasureAsync(AgentConnection connection, CancellationToken cancellationToken)
    {
        long start = Stopwatch.GetTimestamp();
        TimeSpan guest = TimeSpan.FromTicks(
            AgentCalls.Number(await connection.CallAsync(new AgentRequest("guest-get-time"), cancellationToken)) / NanosecondsPerTick);
        TimeSpan roundTrip = Stopwatch.GetElapsedTime(start);
        return (guest - (Now - (roundTrip / 2)), roundTrip);
    }
}
