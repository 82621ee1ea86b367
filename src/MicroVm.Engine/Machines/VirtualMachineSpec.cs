namespace MicroVm.Engine.Machines;

/// <summary>What a new VM shall be. <c>null</c> means the default.</summary>
public sealed record VirtualMachineSpec
{
    /// <summary>The name, <c>^[A-Za-z0-9][A-Za-z0-9-]{0,62}$</c>; null makes one, such as "vm-3f9a1c".</summary>
    public string? Name { get; init; }

    /// <summary>The image to boot; null means "base" unless <see cref="KernelPath"/> is given.</summary>
    public string? Image { get; init; }

    /// <summary>A kernel file (bzImage or ELF vmlinux) to boot instead of an image's.</summary>
    public string? KernelPath { get; init; }

    /// <summary>An initramfs for <see cref="KernelPath"/>.</summary>
    public string? InitramfsPath { get; init; }

    /// <summary>A raw disk image attached read-only as the root file system, for <see cref="KernelPath"/>.</summary>
    public string? RootDiskPath { get; init; }

    /// <summary>Words appended to the kernel command line.</summary>
    public IReadOnlyList<string> KernelArguments { get; init; } = [];

    /// <summary>The VMM.</summary>
    public HypervisorKind Hypervisor { get; init; }

    /// <summary>How guest code is executed.</summary>
    public AcceleratorKind Accelerator { get; init; }

    /// <summary>The number of vCPUs; default 1.</summary>
    public int CpuCount { get; init; } = 1;

    /// <summary>The guest's memory in bytes; a whole number of MiB; default 256 MiB.</summary>
    public long MemoryBytes { get; init; } = 256L << 20;

    /// <summary>The size in bytes of the VM's own writable disk as the guest sees it (sparse on the host); null means 8 GiB with an image whose
    /// initramfs uses one, and none otherwise.</summary>
    public long? DiskBytes { get; init; }
}
