namespace MicroVm.Commands;

/// <summary>The limits of parameters. Waits are in seconds; zero means to look once and not to wait.</summary>
internal static class Limits
{
    /// <summary>The longest wait that can be asked for: a day.</summary>
    public const int MaximumTimeoutSeconds = 86400;

    /// <summary>How long a guest may take to become ready unless the user says otherwise.</summary>
    public const int ReadyTimeoutSeconds = 120;

    /// <summary>How long a guest may take to shut down unless the user says otherwise.</summary>
    public const int StopTimeoutSeconds = 30;

    /// <summary>How many VMs can be worked on at a time.</summary>
    public const int MaximumThrottleLimit = 1024;

    /// <summary>How many VMs are made at a time unless the user says otherwise: a start waits for its VMM more than for the CPU, but not much more.</summary>
    public const int MakingThrottleLimit = 8;
}
