using System.Management.Automation;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Machines;

namespace MicroVm.Commands;

/// <summary>Register-MicroVmEvent: makes changes of VMs events of this session.</summary>
[Cmdlet(VerbsLifecycle.Register, Nouns.MicroVmEvent)]
[OutputType(typeof(PSEventJob))]
public sealed class RegisterMicroVmEventCommand : MicroVmCmdlet
{
    private const string DefaultSourceIdentifier = "MicroVm.StateChanged";

    /// <summary>The name of the event.</summary>
    [Parameter(Position = 0)]
    [ValidateNotNullOrEmpty]
    public string SourceIdentifier { get; set; } = DefaultSourceIdentifier;

    /// <summary>What to do at each event; without it events are queued, for Wait-Event and Get-Event.</summary>
    [Parameter(Position = 1)]
    [ValidateNotNull]
    public ScriptBlock? Action { get; set; }

    /// <summary>What else the events carry.</summary>
    [Parameter]
    public PSObject? MessageData { get; set; }

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        if (Events.GetEventSubscribers(SourceIdentifier).Any())
        {
            // Register-ObjectEvent says it so.
            PSArgumentException taken = new($"There is an event subscription '{SourceIdentifier}' already.");
            ThrowTerminatingError(new ErrorRecord(taken, "SubscriberExists", ErrorCategory.ResourceExists, SourceIdentifier));
        }

        try
        {
            PSEventSubscriber subscriber = Events.SubscribeEvent(
                new MachineEvents(Engine), nameof(MachineEvents.StateChanged), SourceIdentifier, MessageData, Action, supportEvent: false, forwardEvent: false);
            if (Action is not null)
            {
                WriteObject(subscriber.Action);
            }
        }
        catch (Exception exception) when ((exception.InnerException ?? exception) is MicroVmException failure)
        {
            // By reflection an event is subscribed to, and by reflection it fails.
            ThrowTerminatingError(ErrorRecords.From(failure, SourceIdentifier));
        }
    }
}
