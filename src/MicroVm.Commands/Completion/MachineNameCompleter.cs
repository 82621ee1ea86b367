using System.Collections;
using MicroVm.Engine;

namespace MicroVm.Commands.Completion;

/// <summary>Completes names of VMs; for a cmdlet that changes a state, of VMs that it could change.</summary>
public sealed class MachineNameCompleter : NameCompleter
{
    private protected override IEnumerable<Candidate> Find(MicroVmEngine engine, string commandName, IDictionary boundParameters) =>
        engine.GetMachines()
            .Where(vm => MakesSense(commandName, vm.State))
            .Select(vm => new Candidate(vm.Name, $"{vm.Name} ({vm.State})"));

    private static bool MakesSense(string commandName, VmState state) => commandName switch
    {
        "Start-MicroVm" => state is VmState.Stopped or VmState.Failed,
        "Suspend-MicroVm" => state is VmState.Running,
        "Resume-MicroVm" => state is VmState.Paused,
        "Restart-MicroVm" => state is not (VmState.Stopped or VmState.Failed),
        "Stop-MicroVm" => state is not VmState.Stopped,
        "Save-MicroVmSnapshot" or "Checkpoint-MicroVm" => state is VmState.Running or VmState.Paused,
        _ => true,
    };
}
