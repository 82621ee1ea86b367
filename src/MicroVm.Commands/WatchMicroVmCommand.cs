using System.Management.Automation;
using MicroVm.Commands.Completion;
using MicroVm.Commands.Lookup;
using MicroVm.Engine;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Machines;

namespace MicroVm.Commands;

/// <summary>Watch-MicroVm: emits the changes of VMs as they happen.</summary>
/// <remarks>Not a <see cref="TargetCmdlet"/>: names need not exist yet, and all VMs are watched at once.</remarks>
[Cmdlet(VerbsCommon.Watch, Nouns.MicroVm, DefaultParameterSetName = ParameterSets.Name)]
[OutputType(typeof(MachineChange))]
public sealed class WatchMicroVmCommand : MicroVmCmdlet
{
    private readonly List<WildcardPattern> patterns = [];
    private readonly HashSet<Guid> ids = [];

    /// <summary>Names of VMs, which may be made later; all without it.</summary>
    [Parameter(Position = 0, ParameterSetName = ParameterSets.Name, ValueFromPipeline = true)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(MachineNameCompleter))]
    public string[] Name { get; set; } = ["*"];

    /// <summary>VMs as objects.</summary>
    [Parameter(Mandatory = true, ParameterSetName = ParameterSets.VM, ValueFromPipeline = true)]
    [Alias("InputObject")]
    [ValidateNotNull]
    public VirtualMachine[] VM { get; set; } = [];

    /// <summary>Ids of VMs.</summary>
    [Parameter(Mandatory = true, ParameterSetName = ParameterSets.Id, ValueFromPipelineByPropertyName = true)]
    [Alias("VMId")]
    [IdTransformation]
    public Guid[] Id { get; set; } = [];

    /// <summary>Emit only changes to these states.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public VmState[]? State { get; set; }

    /// <summary>After this time the cmdlet ends; without it it goes on until it is stopped.</summary>
    [Parameter]
    [ValidateRange(1, Limits.MaximumTimeoutSeconds)]
    public int TimeoutSeconds { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        switch (ParameterSetName)
        {
            case ParameterSets.VM:
                ids.UnionWith(VM.Select(vm => vm.Id));
                break;
            case ParameterSets.Id:
                ids.UnionWith(Id);
                break;
            default:
                patterns.AddRange(Name.Select(NameMatch.Pattern));
                break;
        }
    }

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        if (patterns.Count == 0 && ids.Count == 0)
        {
            // A pipeline that was empty: no change would ever be wanted.
            return;
        }

        using CancellationTokenSource limit = new();
        if (TimeoutSeconds > 0)
        {
            limit.CancelAfter(TimeSpan.FromSeconds(TimeoutSeconds));
        }

        try
        {
            foreach (MachineChange change in Enumerate(token => WatchAsync(token, limit.Token)))
            {
                if (IsWanted(change))
                {
                    WriteObject(change);
                }
            }
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested)
        {
            // That was the time.
        }
        catch (MicroVmException exception)
        {
            WriteError(ErrorRecords.From(exception, null));
        }
    }

    private async IAsyncEnumerable<MachineChange> WatchAsync(
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken stop, CancellationToken limit)
    {
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(stop, limit);
        await foreach (MachineChange change in Engine.WatchAsync(either.Token))
        {
            yield return change;
        }
    }

    private bool IsWanted(MachineChange change) =>
        (ids.Contains(change.VM.Id) || patterns.Exists(pattern => pattern.IsMatch(change.VM.Name)))
        && (State is null || (!change.IsRemoved && State.Contains(change.VM.State)));
}
