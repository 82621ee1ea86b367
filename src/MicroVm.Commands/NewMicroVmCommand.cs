using System.Collections;
using System.Management.Automation;
using MicroVm.Commands.Completion;
using MicroVm.Engine;
using MicroVm.Engine.Machines;

namespace MicroVm.Commands;

/// <summary>New-MicroVm: creates VMs and boots them.</summary>
[Cmdlet(VerbsCommon.New, Nouns.MicroVm, DefaultParameterSetName = ParameterSets.Image, SupportsShouldProcess = true)]
[OutputType(typeof(VirtualMachine))]
public sealed class NewMicroVmCommand : MachineMakingCmdlet
{
    private static readonly VirtualMachineSpec Defaults = new();

    /// <summary>Names of the VMs; one is made without it.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public string[]? Name { get; set; }

    /// <summary>The image to boot; "base" without it, which is installed on first use.</summary>
    [Parameter(ParameterSetName = ParameterSets.Image)]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(ImageNameCompleter))]
    public string? Image { get; set; }

    /// <summary>A kernel file to boot instead of an image: bzImage or ELF vmlinux.</summary>
    [Parameter(Mandatory = true, ParameterSetName = ParameterSets.Kernel)]
    [ValidateNotNullOrEmpty]
    public string? KernelPath { get; set; }

    /// <summary>An initramfs file for the kernel.</summary>
    [Parameter(ParameterSetName = ParameterSets.Kernel)]
    [ValidateNotNullOrEmpty]
    public string? InitramfsPath { get; set; }

    /// <summary>A raw disk image file, attached read-only as the root file system.</summary>
    [Parameter(ParameterSetName = ParameterSets.Kernel)]
    [ValidateNotNullOrEmpty]
    public string? RootDiskPath { get; set; }

    /// <summary>The number of vCPUs.</summary>
    [Parameter]
    public int CpuCount { get; set; } = Defaults.CpuCount;

    /// <summary>The guest's memory; 512MB, 0.5GB, "512MiB".</summary>
    [Parameter]
    [SizeTransformation]
    public long MemoryBytes { get; set; } = Defaults.MemoryBytes;

    /// <summary>The size of the VM's own writable disk; the host gives space as the guest writes.</summary>
    [Parameter]
    [SizeTransformation]
    public long? DiskBytes { get; set; }

    /// <summary>Which words the kernel command line begins with.</summary>
    [Parameter]
    public KernelProfile KernelProfile { get; set; } = KernelProfile.Default;

    /// <summary>The guest's first program.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? InitPath { get; set; }

    /// <summary>Words to append to the kernel command line.</summary>
    [Parameter]
    public string[] KernelArgument { get; set; } = [];

    /// <summary>The guest's host name; the VM's name without it.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? Hostname { get; set; }

    /// <summary>Public keys of SSH that may log in.</summary>
    [Parameter]
    [ValidateNotNull]
    public string[] AuthorizedKey { get; set; } = [];

    /// <summary>What the guest does when it first boots; several strings are lines.</summary>
    [Parameter]
    public string[]? UserData { get; set; }

    /// <summary>Tags: a table of keys and values.</summary>
    [Parameter]
    [ValidateNotNull]
    public IDictionary Tag { get; set; } = new Hashtable();

    /// <summary>What to remember about the VMs.</summary>
    [Parameter]
    [AllowEmptyString]
    public string? Description { get; set; }

    /// <summary>The VMM.</summary>
    [Parameter]
    public HypervisorKind Hypervisor { get; set; } = HypervisorKind.Auto;

    /// <summary>The VMM's program, for a version beside the one that is installed.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? HypervisorPath { get; set; }

    /// <summary>How guest code is executed.</summary>
    [Parameter]
    public AcceleratorKind Accelerator { get; set; } = AcceleratorKind.Auto;

    /// <summary>How many VMs to make; their names get the suffixes -1, -2 and so on, those left out that are taken.</summary>
    [Parameter]
    [ValidateRange(1, MaximumCount)]
    public int Count { get; set; } = 1;

    /// <summary>Remove the VMs when this pwsh ends, however it ends; their snapshots stay.</summary>
    [Parameter]
    public SwitchParameter Ephemeral { get; set; }

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
        VirtualMachineSpec spec = Spec();
        MakeAll(
            [.. Makings().Where(making => ShouldProcess($"{making.Target}", NoStart ? "Create" : "Create and start"))],
            "Creating VMs",
            (name, observer, token) => Engine.CreateAsync(spec with { Name = name }, !NoStart, observer, token),
            (vm, observer, token) => Wait ? Engine.WaitReadyAsync(vm.Id, TimeSpan.FromSeconds(TimeoutSeconds), observer, token) : Task.FromResult(vm));
    }

    private IEnumerable<Making> Makings()
    {
        if (Name is null)
        {
            return Enumerable.Range(0, Count).Select(_ => new Making(null, "a new VM", null));
        }

        return IsCounted ? Name.SelectMany(Numbered) : Name.Select(name => new Making(name, name, null));
    }

    private IEnumerable<Making> Numbered(string stem)
    {
        NumberedNames numbers = FreeNames(stem);
        return Enumerable.Range(0, Count).Select(_ => numbers.Next()).Select(name => new Making(name, name, numbers));
    }

    private VirtualMachineSpec Spec() => new()
    {
        Image = Image,
        KernelPath = FilePath.Resolve(this, KernelPath),
        InitramfsPath = FilePath.Resolve(this, InitramfsPath),
        RootDiskPath = FilePath.Resolve(this, RootDiskPath),
        KernelProfile = KernelProfile,
        InitPath = InitPath,
        KernelArguments = KernelArgument,
        Hostname = Hostname,
        AuthorizedKeys = AuthorizedKey,
        UserData = UserData is null ? null : string.Join('\n', UserData),
        Tags = TagTable.Read(Tag),
        Description = Description,
        Hypervisor = Hypervisor,
        HypervisorPath = FilePath.Resolve(this, HypervisorPath),
        Accelerator = Accelerator,
        CpuCount = CpuCount,
        MemoryBytes = MemoryBytes,
        DiskBytes = DiskBytes,
        Ephemeral = Ephemeral,
    };
}
