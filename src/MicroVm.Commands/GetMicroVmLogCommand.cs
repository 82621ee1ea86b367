using System.Management.Automation;
using MicroVm.Engine.Guest;
using MicroVm.Engine.Machines;

namespace MicroVm.Commands;

/// <summary>Get-MicroVmLog: gets the lines that guests or their VMMs wrote.</summary>
[Cmdlet(VerbsCommon.Get, Nouns.MicroVmLog, DefaultParameterSetName = ParameterSets.Name)]
[OutputType(typeof(string))]
public sealed class GetMicroVmLogCommand : TargetCmdlet
{
    /// <summary>Which log.</summary>
    [Parameter]
    public LogSource Source { get; set; } = LogSource.Serial;

    /// <summary>Only the last lines, this many.</summary>
    [Parameter]
    [ValidateRange(0, int.MaxValue)]
    public int? Tail { get; set; }

    /// <summary>Go on with each new line until the VM ends.</summary>
    [Parameter]
    public SwitchParameter Wait { get; set; }

    /// <summary>Leave control characters as they are. What a guest writes can then act on the terminal.</summary>
    [Parameter]
    public SwitchParameter Raw { get; set; }

    private protected override void Process(VirtualMachine vm)
    {
        foreach (string line in Guard(() => Enumerate(token => Engine.ReadLogAsync(vm.Id, Source, Tail, Wait, token)), vm))
        {
            WriteObject(Raw ? line : TerminalText.Neutralise(line));
        }
    }
}
