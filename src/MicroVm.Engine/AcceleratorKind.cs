namespace MicroVm.Engine;

/// <summary>How guest code is executed.</summary>
public enum AcceleratorKind
{
    /// <summary>KVM where it is usable, else TCG.</summary>
    Auto,

    /// <summary>Hardware virtualisation through <c>/dev/kvm</c>.</summary>
    Kvm,

    /// <summary>QEMU's translator: works anywhere, slower.</summary>
    Tcg,
}
