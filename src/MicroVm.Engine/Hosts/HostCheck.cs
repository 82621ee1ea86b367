namespace MicroVm.Engine.Hosts;

/// <summary>How a check of the host came out.</summary>
public enum HostCheckStatus
{
    /// <summary>As it should be.</summary>
    Ok,

    /// <summary>VMs work, with less speed or isolation.</summary>
    Warning,

    /// <summary>VMs do not work until this is fixed.</summary>
    Failed,
}

/// <summary>One check of the host.</summary>
public sealed record HostCheck
{
    /// <summary>What was checked, such as "Qemu" or "Kvm".</summary>
    public required string Name { get; init; }

    /// <summary>How it came out.</summary>
    public required HostCheckStatus Status { get; init; }

    /// <summary>What was found.</summary>
    public required string Detail { get; init; }

    /// <summary>The command or change that fixes it; null when nothing needs fixing.</summary>
    public string? Fix { get; init; }
}
