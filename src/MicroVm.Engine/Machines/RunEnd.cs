using MicroVm.Engine.State;

namespace MicroVm.Engine.Machines;

/// <summary>Tidies up after a VMM that has ended: its sockets, and what the host's network knows of it.</summary>
internal static class RunEnd
{
    /// <summary>Does so; fine when it was done already.</summary>
    public static void Tidy(EngineContext context, MachineRecord record, MachineRun run)
    {
        HostFirewall.Detach(context, record, run.Links, keepsAddress: false);
        MachineStore.DeleteDirectory(run.RunDirectory);
    }
}
