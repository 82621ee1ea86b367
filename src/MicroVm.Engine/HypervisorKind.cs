namespace MicroVm.Engine;

/// <summary>The virtual machine monitors the engine drives.</summary>
public enum HypervisorKind
{
    /// <summary>The first one that is installed and usable.</summary>
    Auto,

    /// <summary>QEMU (<c>qemu-system-x86_64</c>, 7.2 or later), with KVM where the host has it, else TCG.</summary>
    Qemu,
}
