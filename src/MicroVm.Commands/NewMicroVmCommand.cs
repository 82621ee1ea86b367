using System.Management.Automation;
using MicroVm.Engine.Machines;

namespace MicroVm.Commands;

/// <summary>New-MicroVm: creates VMs and boots them.</summary>
[Cmdlet(VerbsCommon.New, Nouns.MicroVm, DefaultParameterSetName = ParameterSets.Image, SupportsShouldProcess = true)]
[OutputType(typeof(VirtualMachine))]
public sealed class NewMicroVmCommand : MachineSpecCmdlet
{
    /// <summary>Names of the VMs; one is made without it.</summary>
    [Parameter(Position = 0, ParameterSetName = ParameterSets.Image, ValueFromPipeline = true)]
    [Parameter(Position = 0, ParameterSetName = ParameterSets.Kernel, ValueFromPipeline = true)]
    [Parameter(Position = 0, ParameterSetName = ParameterSets.Spec)]
    [Parameter(Position = 0, ParameterSetName = ParameterSets.SpecPath)]
    [ValidateNotNullOrEmpty]
    public string[]? Name { get; set; }

    /// <summary>How many VMs to make; their names get the suffixes -1, -2 and so on, those left out that are taken.</summary>
    [Parameter]
    [ValidateRange(1, MaximumCount)]
    public int Count { get; set; } = 1;

    /// <summary>How many VMs to make at a time.</summary>
    [Parameter]
    [ValidateRange(1, Limits.MaximumThrottleLimit)]
    public int ThrottleLimit { get; set; } = DefaultThrottleLimit;

    /// <summary>Create the VMs and leave them stopped.</summary>
    [Parameter]
    public SwitchParameter NoStart { get; set; }

    /// <summary>Return only when the guest has written its ready marker.</summary>
    [Parameter]
    public SwitchParameter Wait { get; set; }

    /// <summary>The limit of the wait for the guest.</summary>
    [Parameter]
    [ValidateRange(0, Limits.MaximumTimeoutSeconds)]
    public int TimeoutSeconds { get; set; } = Limits.ReadyTimeoutSeconds;

    private bool IsCounted => MyInvocation.BoundParameters.ContainsKey(nameof(Count));

    /// <inheritdoc/>
    protected override void BeginProcessing()
    {
        if (NoStart && Wait)
        {
            ThrowTerminatingError(ErrorRecords.InvalidCombination("-NoStart and -Wait exclude each other."));
        }

        if (IsCounted && Name is { Length: > 1 })
        {
            ThrowTerminatingError(ErrorRecords.InvalidCombination("-Count goes with one name, or none."));
        }
    }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        if (!TryDescribe(out VirtualMachineSpec? spec))
        {
            return;
        }

        MakeAll(
            [.. Makings(spec.Name).Where(making => ShouldProcess($"{making.Target}", NoStart ? "Create" : "Create and start"))],
            ThrottleLimit,
            "Creating VMs",
            (name, observer, token) => Engine.CreateAsync(spec with { Name = name }, !NoStart, observer, token),
            (vm, observer, token) => Wait ? Engine.WaitReadyAsync(vm.Id, TimeSpan.FromSeconds(TimeoutSeconds), observer, token) : Task.FromResult(vm));
    }

    private IEnumerable<Making> Makings(string? described)
    {
        string[]? names = Name ?? (described is null ? null : [described]);
        if (names is null)
        {
            return Enumerable.Range(0, Count).Select(_ => new Making(null, "a new VM", null));
        }

        return IsCounted ? names.SelectMany(Numbered) : names.Select(name => new Making(name, name, null));
    }

    private IEnumerable<Making> Numbered(string stem)
    {
        NumberedNames numbers = FreeNames(stem);
        return Enumerable.Range(0, Count).Select(_ => numbers.Next()).Select(name => new Making(name, name, numbers));
    }
}
