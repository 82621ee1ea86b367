using System.Collections;
using System.Globalization;
using System.Management.Automation;
using MicroVm.Commands.Async;
using MicroVm.Commands.Completion;
using MicroVm.Commands.Guest;
using MicroVm.Engine;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Guest.Commands;
using MicroVm.Engine.Machines;

namespace MicroVm.Commands;

/// <summary>Invoke-MicroVmCommand: runs a program or a script in guests, and emits what came of it.</summary>
/// <remarks>
/// Not a <see cref="TargetCmdlet"/>: what comes by the pipeline is the command's standard input here, unless it is a VM. All VMs are collected first, so that
/// the command runs in several at a time. The default set is Id: with Name, which takes nothing from the pipeline, PowerShell would settle for VM before it
/// sees the object, and what binds by its id only, such as a snapshot, would not bind.
/// </remarks>
[Cmdlet(VerbsLifecycle.Invoke, Nouns.MicroVmCommand, DefaultParameterSetName = ParameterSets.Id, SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Low)]
[OutputType(typeof(GuestCommandResult), typeof(string))]
public sealed class InvokeMicroVmCommandCommand : MicroVmCmdlet
{
    private const int DefaultThrottleLimit = 32;

    private readonly List<VirtualMachine> targets = [];
    private readonly InputCollector input = new();
    private bool targetsAreGiven;
    private bool inputIsGiven;

    /// <summary>Names of VMs.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = ParameterSets.Name)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(MachineNameCompleter))]
    public string[] Name { get; set; } = [];

    /// <summary>VMs as objects.</summary>
    [Parameter(Mandatory = true, ParameterSetName = ParameterSets.VM, ValueFromPipeline = true)]
    [ValidateNotNull]
    public VirtualMachine[] VM { get; set; } = [];

    /// <summary>Ids of VMs.</summary>
    [Parameter(Mandatory = true, ParameterSetName = ParameterSets.Id, ValueFromPipelineByPropertyName = true)]
    [Alias("VMId")]
    [IdTransformation]
    public Guid[] Id { get; set; } = [];

    /// <summary>The program to run.</summary>
    [Parameter(Position = 1)]
    [ValidateNotNullOrEmpty]
    public string? FilePath { get; set; }

    /// <summary>The program's arguments, each passed as it is; or the script's $1, $2 and so on.</summary>
    [Parameter(Position = 2)]
    [Alias("Args")]
    [AllowEmptyString]
    [AllowEmptyCollection]
    public string[] ArgumentList { get; set; } = [];

    /// <summary>The text of a script to run instead; lines when there are several.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string[]? Script { get; set; }

    /// <summary>The shell that runs the script.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string Shell { get; set; } = "sh";

    /// <summary>Variables for the command.</summary>
    [Parameter]
    [ValidateNotNull]
    public IDictionary Environment { get; set; } = new Hashtable();

    /// <summary>The directory in the guest to run in.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? WorkingDirectory { get; set; }

    /// <summary>The user in the guest to run as.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? User { get; set; }

    /// <summary>The standard input: text by lines, bytes as they are.</summary>
    [Parameter(ParameterSetName = ParameterSets.Name, ValueFromPipeline = true)]
    [Parameter(ParameterSetName = ParameterSets.VM, ValueFromPipeline = true)]
    [Parameter(ParameterSetName = ParameterSets.Id)]
    [AllowNull]
    [AllowEmptyString]
    [AllowEmptyCollection]
    public object[]? InputObject { get; set; }

    /// <summary>Emit each line as it comes, instead of one object at the end.</summary>
    [Parameter]
    public SwitchParameter Stream { get; set; }

    /// <summary>Leave the standard output as bytes.</summary>
    [Parameter]
    public SwitchParameter AsByteStream { get; set; }

    /// <summary>Leave control characters as they are. What a guest writes can then act on the terminal.</summary>
    [Parameter]
    public SwitchParameter Raw { get; set; }

    /// <summary>After this time the command is ended, with all its processes; 0 sets no limit.</summary>
    [Parameter]
    [ValidateRange(0, Limits.MaximumTimeoutSeconds)]
    public int TimeoutSeconds { get; set; }

    /// <summary>In how many VMs at a time.</summary>
    [Parameter]
    [ValidateRange(1, Limits.MaximumThrottleLimit)]
    public int ThrottleLimit { get; set; } = DefaultThrottleLimit;

    /// <inheritdoc/>
    protected override void BeginProcessing()
    {
        if (FilePath is null == Script is null)
        {
            ThrowTerminatingError(ErrorRecords.InvalidCombination("Give a program with -FilePath or a script with -Script."));
        }

        if (Stream && AsByteStream)
        {
            ThrowTerminatingError(ErrorRecords.InvalidCombination("-Stream and -AsByteStream exclude each other."));
        }

        if (MyInvocation.BoundParameters.ContainsKey(nameof(Shell)) && Script is null)
        {
            ThrowTerminatingError(ErrorRecords.InvalidCombination("-Shell goes with -Script."));
        }

        // What is bound by now was given by name; what is not comes by the pipeline.
        targetsAreGiven = IsBound(nameof(Name)) || IsBound(nameof(VM)) || IsBound(nameof(Id));
        inputIsGiven = IsBound(nameof(InputObject));
        if (inputIsGiven)
        {
            AddInput();
        }
    }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        if (!targetsAreGiven)
        {
            AddTargets();
        }
        else if (MyInvocation.ExpectingInput && !inputIsGiven)
        {
            AddInput();
        }
    }

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        if (targetsAreGiven)
        {
            AddTargets();
        }

        GuestCommand command = Command();
        List<VirtualMachine> approved = targets.FindAll(vm => ShouldProcess(vm.Name, $"Run '{command}'"));
        foreach (Outcome<VirtualMachine> outcome in Enumerate(
            token => FanOut.RunAsync(approved, ThrottleLimit, (vm, emit, stop) => Stream ? StreamAsync(vm, command, emit, stop) : CollectAsync(vm, command, emit, stop), token)))
        {
            if (outcome.Failure is not null)
            {
                WriteError(ErrorRecords.From(outcome.Failure, outcome.Target));
            }
            else
            {
                WriteObject(outcome.Item);
            }
        }
    }

    private bool IsBound(string parameter) => MyInvocation.BoundParameters.ContainsKey(parameter);

    private void AddTargets()
    {
        IEnumerable<VirtualMachine> given = ParameterSetName switch
        {
            ParameterSets.VM => VM,
            ParameterSets.Id => Machines.ById(Id),
            _ => Machines.ByName(Name),
        };
        foreach (VirtualMachine vm in given)
        {
            if (!targets.Exists(other => other.Id == vm.Id))
            {
                targets.Add(vm);
            }
        }
    }

    private void AddInput()
    {
        foreach (object? item in InputObject ?? [])
        {
            if (item is VirtualMachine or PSObject { BaseObject: VirtualMachine })
            {
                ThrowTerminatingError(ErrorRecords.InvalidCombination("VMs come by the pipeline, so no others can be named: give the program with -FilePath."));
            }

            input.Add(item);
        }
    }

    private GuestCommand Command() => new()
    {
        FilePath = FilePath,
        ArgumentList = ArgumentList,
        Script = Script is null ? null : string.Join('\n', Script),
        Shell = Shell,
        Environment = Environment.Cast<DictionaryEntry>().ToDictionary(
            entry => LanguagePrimitives.ConvertTo<string>(entry.Key), entry => LanguagePrimitives.ConvertTo<string>(entry.Value) ?? string.Empty),
        WorkingDirectory = WorkingDirectory,
        User = User,
        Input = input.Content,
        Timeout = TimeoutSeconds == 0 ? null : TimeSpan.FromSeconds(TimeoutSeconds),
    };

    private async Task CollectAsync(VirtualMachine vm, GuestCommand command, Func<object, Task> emit, CancellationToken cancellationToken)
    {
        ResultCollector collector = new(vm);
        GuestCommandEnd end = await Engine.RunCommandAsync(vm.Id, command, collector.TakeAsync, NullObserver.Instance, cancellationToken);
        await emit(collector.Result(end, AsByteStream, Raw));
    }

    private async Task StreamAsync(VirtualMachine vm, GuestCommand command, Func<object, Task> emit, CancellationToken cancellationToken)
    {
        LineCollector collector = new(vm.Name, Raw, emit);
        GuestCommandEnd end = await Engine.RunCommandAsync(vm.Id, command, collector.TakeAsync, NullObserver.Instance, cancellationToken);
        await collector.FinishAsync();
        if (end.ExitCode != 0)
        {
            throw new MicroVmException(
                ErrorIds.GuestCommandFailed,
                ErrorKind.CommandFailed,
                string.Create(CultureInfo.InvariantCulture, $"The command in VM '{vm.Name}' ended with exit code {end.ExitCode}."))
            {
                Target = vm.Name,
            };
        }
    }
}
