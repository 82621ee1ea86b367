namespace MicroVm.Engine;

/// <summary>Named sets of words for the kernel command line.</summary>
public enum KernelProfile
{
    /// <summary>The image's own words; <c>console=ttyS0 panic=-1</c> for a kernel of the user's.</summary>
    Default,

    /// <summary>The words of wrenn, which runs sandboxes: as little output as can be, and memory that is zero once it is free.</summary>
    Wrenn,

    /// <summary>The words of Kata Containers' driver for Cloud Hypervisor.</summary>
    Kata,
}
