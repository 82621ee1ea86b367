using MicroVm.Engine.Guest.Agent;
using MicroVm.Engine.Guest.Commands;
using MicroVm.Engine.Storage;

namespace MicroVm.Engine.Machines;

/// <summary>Runs commands in guests; holds no lock, so several may run at once, and the VM may be suspended and saved meanwhile.</summary>
internal static class CommandPlan
{
    /// <summary>Runs a command to its end.</summary>
    public static async Task<GuestCommandEnd> RunAsync(
        EngineContext context, Guid id, GuestCommand command, Func<GuestOutput, Task> take, IOperationObserver observer, CancellationToken cancellationToken)
    {
        CommandRules.Check(command);
        GuestAgent agent = GuestAccess.Open(context, id, "to run a command in it");
        observer.Progress(new OperationProgress($"Running in {agent.VMName}", command.ToString()));
        PhaseTimer timer = new(observer, $"Command in {agent.VMName}");
        GuestCommandEnd end = await CommandRunner.RunAsync(agent, command, GuestContract.WorkloadCgroup, take, cancellationToken);
        timer.Done();
        return end;
    }
}
