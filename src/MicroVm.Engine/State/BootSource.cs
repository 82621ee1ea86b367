namespace MicroVm.Engine.State;

/// <summary>What a VM boots.</summary>
internal sealed record BootSource
{
    /// <summary>The name of the configuration disk's file, in a VM's directory and in a snapshot's.</summary>
    public const string ConfigurationFile = "config.iso";

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

    /// <summary>The host name the guest is given, or null when it is given none.</summary>
    public string? Hostname { get; init; }

    /// <summary>Whether there is a disk that tells the guest of itself: the file <see cref="ConfigurationFile"/>, read-only.</summary>
    public bool HasConfigurationDisk { get; init; }
}
