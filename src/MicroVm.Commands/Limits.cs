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
}
