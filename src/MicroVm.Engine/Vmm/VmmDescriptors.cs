namespace MicroVm.Engine.Vmm;

/// <summary>The descriptor numbers that mean the same in every VMM the engine starts.</summary>
internal static class VmmDescriptors
{
    /// <summary>The guest's memory. It stays open in the VMM, so the memory is found through <c>/proc/PID/fd</c>.</summary>
    public const int Memory = 5;

    /// <summary>The first network interface; the others follow.</summary>
    public const int FirstInterface = 6;
}
