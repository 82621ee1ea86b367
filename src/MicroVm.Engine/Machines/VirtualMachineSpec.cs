using MicroVm.Engine.State;

namespace MicroVm.Engine.Machines;

/// <summary>What a new VM shall be. <c>null</c> means the default.</summary>
public sealed record VirtualMachineSpec
{
    /// <summary>The name, <c>^[A-Za-z0-9][A-Za-z0-9-]{0,62}$</c>; null makes one, such as "vm-3f9a1c".</summary>
    public string? Name { get; init; }

    /// <summary>What the user writes about it, at most 4096 characters; null for nothing.</summary>
    public string? Description { get; init; }

    /// <summary>Tags, at most 64: keys of 1 to 128 characters that differ in more than case, values of at most 256.</summary>
    public IReadOnlyDictionary<string, string> Tags { get; init; } = MachineLabels.None;

    /// <summary>The image to boot; null means "base" unless <see cref="KernelPath"/> is given.</summary>
    public string? Image { get; init; }

    /// <summary>A kernel file (bzImage or ELF vmlinux) to boot instead of an image's.</summary>
    public string? KernelPath { get; init; }

    /// <summary>An initramfs for <see cref="KernelPath"/>.</summary>
    public string? InitramfsPath { get; init; }

    /// <summary>A raw disk image attached read-only as the root file system, for <see cref="KernelPath"/>.</summary>
    public string? RootDiskPath { get; init; }

    /// <summary>Which words the kernel command line begins with.</summary>
    public KernelProfile KernelProfile { get; init; }

    /// <summary>The guest's first program, an absolute path in its root file system; null leaves it to the guest.</summary>
    public string? InitPath { get; init; }

    /// <summary>Words appended to the kernel command line.</summary>
    public IReadOnlyList<string> KernelArguments { get; init; } = [];

    /// <summary>The guest's host name: labels of letters, digits and hyphens, at most 64 bytes; null means the VM's name.</summary>
    public string? Hostname { get; init; }

    /// <summary>Public keys of SSH, a line each, that may log in. For cloud-init's default user, or root with image "base".</summary>
    public IReadOnlyList<string> AuthorizedKeys { get; init; } = [];

    /// <summary>What the guest does when it first boots, at most 1 MiB of text: anything cloud-init takes, or with image "base" a script that begins with
    /// "#!".</summary>
    public string? UserData { get; init; }

    /// <summary>The VMM.</summary>
    public HypervisorKind Hypervisor { get; init; }

    /// <summary>The VMM's program, for a version beside the one that is installed; null for that one.</summary>
    public string? HypervisorPath { get; init; }

    /// <summary>How guest code is executed.</summary>
    public AcceleratorKind Accelerator { get; init; }

    /// <summary>The number of vCPUs; default 1.</summary>
    public int CpuCount { get; init; } = 1;

    /// <summary>The guest's memory in bytes; a whole number of MiB; default 256 MiB.</summary>
    public long MemoryBytes { get; init; } = 256L << 20;

    /// <summary>The size in bytes of the VM's own writable disk as the guest sees it (sparse on the host); null means 8 GiB with an image whose
    /// initramfs uses one, and none otherwise.</summary>
    public long? DiskBytes { get; init; }

    /// <summary>The network interfaces, in the order in which the guest numbers them; none without.</summary>
    public IReadOnlyList<NetworkInterfaceSpec> Interfaces { get; init; } = [];

    /// <summary>Ports of the host's that lead to the guest's.</summary>
    public IReadOnlyList<PublishedPort> PublishedPorts { get; init; } = [];

    /// <summary>Where the guest may go; null means <see cref="EgressPolicy.Default"/> where the network can hold it.</summary>
    public EgressPolicy? Egress { get; init; }

    /// <summary>Remove the VM when this process ends, however it ends; its snapshots stay. The keeper does it.</summary>
    public bool Ephemeral { get; init; }
}
