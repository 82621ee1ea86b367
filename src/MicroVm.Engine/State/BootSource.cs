namespace MicroVm.Engine.State;

/// <summary>What a VM boots.</summary>
internal sealed record BootSource
{
    /// <summary>The image it came from, or null.</summary>
    public string? Image { get; init; }

    /// <summary>The image's digest when the VM was made.</summary>
    public string? ImageDigest { get; init; }

    /// <summary>The kernel file.</summary>
    public required string KernelPath { get; init; }

    /// <summary>The initramfs file, or null.</summary>
    public string? InitramfsPath { get; init; }

    /// <summary>A root file system attached read-only, or null.</summary>
    public string? RootDiskPath { get; init; }

    /// <summary>The kernel command line, word by word.</summary>
    public IReadOnlyList<string> KernelArguments { get; init; } = [];

    /// <summary>What the guest writes to its serial console once it is up; null when nobody can tell.</summary>
    public string? ReadyMarker { get; init; }
}
