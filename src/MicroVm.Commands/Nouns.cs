namespace MicroVm.Commands;

/// <summary>The nouns of the cmdlets.</summary>
internal static class Nouns
{
    /// <summary>A virtual machine.</summary>
    public const string MicroVm = nameof(MicroVm);

    /// <summary>The description of one.</summary>
    public const string MicroVmSpec = nameof(MicroVmSpec);

    /// <summary>A snapshot of one.</summary>
    public const string MicroVmSnapshot = nameof(MicroVmSnapshot);

    /// <summary>What one boots.</summary>
    public const string MicroVmImage = nameof(MicroVmImage);

    /// <summary>What one runs.</summary>
    public const string MicroVmCommand = nameof(MicroVmCommand);

    /// <summary>What one writes.</summary>
    public const string MicroVmLog = nameof(MicroVmLog);

    /// <summary>A file or directory in one.</summary>
    public const string MicroVmItem = nameof(MicroVmItem);

    /// <summary>The clock of one's guest.</summary>
    public const string MicroVmClock = nameof(MicroVmClock);

    /// <summary>The randomness of one's guest.</summary>
    public const string MicroVmEntropy = nameof(MicroVmEntropy);

    /// <summary>The VMM that runs one.</summary>
    public const string MicroVmHypervisor = nameof(MicroVmHypervisor);

    /// <summary>What one runs on.</summary>
    public const string MicroVmHost = nameof(MicroVmHost);

    /// <summary>A named network.</summary>
    public const string MicroVmNetwork = nameof(MicroVmNetwork);

    /// <summary>A network interface of one.</summary>
    public const string MicroVmNetworkInterface = nameof(MicroVmNetworkInterface);

    /// <summary>A port of the host's that leads to one's guest.</summary>
    public const string MicroVmPort = nameof(MicroVmPort);

    /// <summary>Events of VMs.</summary>
    public const string MicroVmEvent = nameof(MicroVmEvent);
}
