using System.Management.Automation;
using MicroVm.Engine;

namespace MicroVm.Commands.Tests;

/// <summary>A cmdlet on the real base classes whose operation is the test's, one per target.</summary>
[Cmdlet(VerbsLifecycle.Invoke, "FakeOperation", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High)]
public sealed class FakeOperationCommand : MicroVmCmdlet
{
    /// <summary>What the operation does with its target.</summary>
    [Parameter(Mandatory = true, Position = 0)]
    public Func<string, IOperationObserver, CancellationToken, Task<string>> Operation { get; set; } = null!;

    /// <summary>What to operate on.</summary>
    [Parameter(ValueFromPipeline = true)]
    public string Target { get; set; } = "web";

    /// <summary>Do not ask.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <summary>The impact that this target has.</summary>
    [Parameter]
    public ConfirmImpact Impact { get; set; } = ConfirmImpact.Low;

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        if (ShouldAct(Target, "Operate", Force ? ConfirmImpact.None : Impact)
            && TryRun(Target, (observer, token) => Operation(Target, observer, token), out string? result))
        {
            WriteObject(result);
        }
    }
}
