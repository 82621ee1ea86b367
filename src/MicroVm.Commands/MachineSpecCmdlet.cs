using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Management.Automation;
using MicroVm.Commands.Completion;
using MicroVm.Engine;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Machines;

namespace MicroVm.Commands;

/// <summary>A cmdlet that is told what a VM shall be: by parameters, by a description, or by a description and parameters that say what differs.</summary>
public abstract class MachineSpecCmdlet : MachineMakingCmdlet, IInterfaceParameters
{
    private static readonly VirtualMachineSpec Defaults = new();

    /// <summary>A description, as New-MicroVmSpec emits it; what other parameters say comes first.</summary>
    [Parameter(Mandatory = true, ParameterSetName = ParameterSets.Spec, ValueFromPipeline = true)]
    [ValidateNotNull]
    public VirtualMachineSpec? Spec { get; set; }

    /// <summary>A JSON file with a description; what other parameters say comes first.</summary>
    [Parameter(Mandatory = true, ParameterSetName = ParameterSets.SpecPath)]
    [ValidateNotNullOrEmpty]
    public string? SpecPath { get; set; }

    /// <summary>The image to boot; "base" without it, which is installed on first use.</summary>
    [Parameter(ParameterSetName = ParameterSets.Image)]
    [Parameter(ParameterSetName = ParameterSets.Spec)]
    [Parameter(ParameterSetName = ParameterSets.SpecPath)]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(ImageNameCompleter))]
    public string? Image { get; set; }

    /// <summary>A kernel file to boot instead of an image: bzImage or ELF vmlinux.</summary>
    [Parameter(Mandatory = true, ParameterSetName = ParameterSets.Kernel)]
    [Parameter(ParameterSetName = ParameterSets.Spec)]
    [Parameter(ParameterSetName = ParameterSets.SpecPath)]
    [ValidateNotNullOrEmpty]
    public string? KernelPath { get; set; }

    /// <summary>An initramfs file for the kernel.</summary>
    [Parameter(ParameterSetName = ParameterSets.Kernel)]
    [Parameter(ParameterSetName = ParameterSets.Spec)]
    [Parameter(ParameterSetName = ParameterSets.SpecPath)]
    [ValidateNotNullOrEmpty]
    public string? InitramfsPath { get; set; }

    /// <summary>A raw disk image file, attached read-only as the root file system.</summary>
    [Parameter(ParameterSetName = ParameterSets.Kernel)]
    [Parameter(ParameterSetName = ParameterSets.Spec)]
    [Parameter(ParameterSetName = ParameterSets.SpecPath)]
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

    /// <summary>What the VM is connected to: None, Nat, User, Bridge, Tap, or named networks; one interface for each.</summary>
    [Parameter]
    [ValidateNotNull]
    [NetworkTransformation]
    [ArgumentCompleter(typeof(NetworkNameCompleter))]
    public NetworkInterfaceSpec[] Network { get; set; } = [];

    /// <summary>The bridge of the host's to join.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? BridgeName { get; set; }

    /// <summary>The TAP device to use, which has to be there.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? TapDevice { get; set; }

    /// <summary>The network namespace the TAP device is in, by path or as "ip netns" names it.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? NetworkNamespace { get; set; }

    /// <summary>The guest's hardware address, on a bridge or a TAP device.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? MacAddress { get; set; }

    /// <summary>The guest's address on a bridge or a TAP device: with its prefix, or dhcp, or none.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? IPAddress { get; set; }

    /// <summary>The guest's gateway on a bridge or a TAP device.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? Gateway { get; set; }

    /// <summary>Ports of the host's that lead to the guest's: [address:]hostPort:guestPort[/tcp|udp].</summary>
    [Parameter]
    [ValidateNotNull]
    [PortTransformation]
    public PublishedPort[] Publish { get; set; } = [];

    /// <summary>Where the guest may go: Internet, Open or None, and rules that come before it.</summary>
    [Parameter]
    [ValidateNotNull]
    [EgressTransformation]
    [ArgumentCompleter(typeof(EgressPolicyCompleter))]
    public EgressPolicy? EgressPolicy { get; set; }

    /// <summary>Remove the VMs when the pwsh that makes them ends, however it ends; their snapshots stay.</summary>
    [Parameter]
    public SwitchParameter Ephemeral { get; set; }

    /// <summary>Whether a parameter was given.</summary>
    private protected bool IsBound(string parameter) => MyInvocation.BoundParameters.ContainsKey(parameter);

    /// <summary>What the VM shall be; false after an error was written.</summary>
    private protected bool TryDescribe([NotNullWhen(true)] out VirtualMachineSpec? spec)
    {
        spec = null;
        string? path = FilePath.Resolve(this, SpecPath);
        try
        {
            spec = Merge(path is null ? Spec ?? Defaults : MicroVmEngine.ReadSpec(path));
        }
        catch (MicroVmException exception)
        {
            WriteError(ErrorRecords.From(exception, path));
        }

        return spec is not null;
    }

    private VirtualMachineSpec Merge(VirtualMachineSpec given) => given with
    {
        Image = IsBound(nameof(Image)) ? Image : IsBound(nameof(KernelPath)) ? null : given.Image,
        KernelPath = IsBound(nameof(KernelPath)) ? FilePath.Resolve(this, KernelPath) : IsBound(nameof(Image)) ? null : given.KernelPath,
        InitramfsPath = IsBound(nameof(InitramfsPath)) ? FilePath.Resolve(this, InitramfsPath) : IsBound(nameof(Image)) ? null : given.InitramfsPath,
        RootDiskPath = IsBound(nameof(RootDiskPath)) ? FilePath.Resolve(this, RootDiskPath) : IsBound(nameof(Image)) ? null : given.RootDiskPath,
        KernelProfile = IsBound(nameof(KernelProfile)) ? KernelProfile : given.KernelProfile,
        InitPath = IsBound(nameof(InitPath)) ? InitPath : given.InitPath,
        KernelArguments = IsBound(nameof(KernelArgument)) ? KernelArgument : given.KernelArguments,
        Hostname = IsBound(nameof(Hostname)) ? Hostname : given.Hostname,
        AuthorizedKeys = IsBound(nameof(AuthorizedKey)) ? AuthorizedKey : given.AuthorizedKeys,
        UserData = IsBound(nameof(UserData)) ? UserData is null ? null : string.Join('\n', UserData) : given.UserData,
        Tags = IsBound(nameof(Tag)) ? TagTable.Read(Tag) : given.Tags,
        Description = IsBound(nameof(Description)) ? Description : given.Description,
        Hypervisor = IsBound(nameof(Hypervisor)) ? Hypervisor : given.Hypervisor,
        HypervisorPath = IsBound(nameof(HypervisorPath)) ? FilePath.Resolve(this, HypervisorPath) : given.HypervisorPath,
        Accelerator = IsBound(nameof(Accelerator)) ? Accelerator : given.Accelerator,
        CpuCount = IsBound(nameof(CpuCount)) ? CpuCount : given.CpuCount,
        MemoryBytes = IsBound(nameof(MemoryBytes)) ? MemoryBytes : given.MemoryBytes,
        DiskBytes = IsBound(nameof(DiskBytes)) ? DiskBytes : given.DiskBytes,
        Interfaces = InterfaceParameters.Merge(this, IsBound(nameof(Network)) ? Network : given.Interfaces, this),
        PublishedPorts = IsBound(nameof(Publish)) ? Publish : given.PublishedPorts,
        Egress = IsBound(nameof(EgressPolicy)) ? EgressPolicy : given.Egress,
        Ephemeral = IsBound(nameof(Ephemeral)) ? Ephemeral : given.Ephemeral,
    };
}
