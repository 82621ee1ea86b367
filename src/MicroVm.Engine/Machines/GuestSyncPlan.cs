using System.Diagnostics;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Guest.Agent;
using MicroVm.Engine.Guest.Fixups;
using MicroVm.Engine.Storage;

namespace MicroVm.Engine.Machines;

/// <summary>Puts things right in a running guest when somebody asks for it, with the code that does so after a restore.</summary>
internal static class GuestSyncPlan
{
    /// <summary>Sets a guest's clock to the host's.</summary>
    public static Task<MachineFixup> SyncClockAsync(EngineContext context, Guid id, IOperationObserver observer, CancellationToken cancellationToken) =>
        RunAsync(
            context,
            id,
            GuestFixup.Clock,
            "to set its clock",
            async (connection, _) =>
            {
                ClockSetting setting = await ClockFixup.RunAsync(connection, cancellationToken);
                return (setting.IsRight ? FixupResult.Done : FixupResult.Failed, setting.ToString(), setting);
            },
            observer,
            cancellationToken);

    /// <summary>Gives a guest's kernel fresh randomness.</summary>
    public static Task<MachineFixup> UpdateEntropyAsync(EngineContext context, Guid id, IOperationObserver observer, CancellationToken cancellationToken) =>
        RunAsync(
            context,
            id,
            GuestFixup.Entropy,
            "to give it entropy",
            async (connection, agent) =>
            {
                (FixupResult result, string detail) = await EntropyFixup.RunAsync(connection, agent, GuestContract.ReseedProgram, cancellationToken);
                return (result, detail, null);
            },
            observer,
            cancellationToken);

    private static async Task<MachineFixup> RunAsync(
        EngineContext context,
        Guid id,
        string what,
        string purpose,
        Func<AgentConnection, GuestAgent, Task<(FixupResult Result, string Detail, ClockSetting? Clock)>> fixup,
        IOperationObserver observer,
        CancellationToken cancellationToken)
    {
        GuestAgent agent = GuestAccess.Open(context, id, purpose);
        PhaseTimer timer = new(observer, $"{what} {agent.VMName}");
        ((FixupResult result, string detail, ClockSetting? clock), TimeSpan duration) = await agent.UseAsync(
            async connection =>
            {
                timer.Mark("agent");
                long start = Stopwatch.GetTimestamp();
                return (await fixup(connection, agent), Stopwatch.GetElapsedTime(start));
            },
            cancellationToken);
        timer.Done();
        if (result == FixupResult.Failed)
        {
            throw new MicroVmException(ErrorIds.GuestAgentError, ErrorKind.Protocol, $"{what} of VM '{agent.VMName}' could not be put right: {detail}")
            {
                Target = agent.VMName,
            };
        }

        return new MachineFixup
        {
            VMName = agent.VMName,
            VMId = id,
            Name = what,
            Result = result,
            Duration = duration,
            OffsetBefore = clock?.Before,
            OffsetAfter = clock?.After,
            Detail = detail,
        };
    }
}
