using MicroVm.Engine.Errors;
using MicroVm.Engine.Guest.Agent;
using MicroVm.Engine.State;
using MicroVm.Engine.Vmm;

namespace MicroVm.Engine.Machines;

/// <summary>Finds the agent of a VM. No lock is held while somebody speaks with it: the VM may be suspended, saved or stopped meanwhile.</summary>
internal static class GuestAccess
{
    /// <summary>The agent of a running VM.</summary>
    /// <param name="context">The engine.</param>
    /// <param name="id">The VM.</param>
    /// <param name="purpose">What it is for, as in "to copy files".</param>
    /// <exception cref="MicroVmException">
    /// <see cref="ErrorIds.MicroVmNotFound"/>; <see cref="ErrorIds.InvalidMicroVmState"/>; <see cref="ErrorIds.GuestAgentUnavailable"/> for a machine without an
    /// agent's port.
    /// </exception>
    public static GuestAgent Open(EngineContext context, Guid id, string purpose)
    {
        MachineRecord record = context.Machines.Read(id) ?? throw EngineContext.NotFound(id);
        VirtualMachine now = MachineView.Of(context, record);
        // While its snapshot is taken, a guest stands still for a moment only.
        if (record.Run is not { } run || now.State is not (VmState.Running or VmState.Saving))
        {
            throw new MicroVmException(ErrorIds.InvalidMicroVmState, ErrorKind.InvalidState, $"VM '{record.Name}' is {now.State}; {purpose}, it must be Running.")
            {
                Target = record.Name,
                RecommendedAction = now.State == VmState.Paused ? $"Resume-MicroVm {record.Name}" : $"Start-MicroVm {record.Name}",
            };
        }

        return Of(context, record, run);
    }

    /// <summary>The agent in the guest of a VMM that runs.</summary>
    /// <exception cref="MicroVmException"><see cref="ErrorIds.GuestAgentUnavailable"/>.</exception>
    public static GuestAgent Of(EngineContext context, MachineRecord record, MachineRun run)
    {
        if (!record.Hardware.HasAgentPort)
        {
            throw new MicroVmException(ErrorIds.GuestAgentUnavailable, ErrorKind.ConnectionFailed, $"VM '{record.Name}' was made without a port for an agent.")
            {
                Target = record.Name,
                RecommendedAction = "Make it anew with New-MicroVm.",
            };
        }

        VmmAgentEndpoint endpoint = context.DriverOf(record.Hardware.Hypervisor).AgentEndpointIn(run.RunDirectory);
        IGuestChannel channel = endpoint.Transport switch
        {
            VmmAgentTransport.HybridVsock => new HybridVsockChannel(endpoint.Path, endpoint.Port),
            _ => new VirtioSerialChannel(endpoint.Path),
        };
        return new GuestAgent(channel, run.RunDirectory, record.Name);
    }
}
