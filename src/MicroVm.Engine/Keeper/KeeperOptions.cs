using MicroVm.Engine.Guest;

namespace MicroVm.Engine.Keeper;

/// <summary>What tests set otherwise.</summary>
internal sealed record KeeperOptions
{
    /// <summary>How long a keeper stays when no VM has a VMM.</summary>
    public TimeSpan IdleLimit { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a keeper that cannot do its work waits before it tries again.</summary>
    public TimeSpan RetryPause { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a keeper leaves the host's network to who has just taken a spare link, before it makes another.</summary>
    public TimeSpan RefillPause { get; init; } = TimeSpan.FromMilliseconds(20);

    /// <summary>How much of the disk a log may take.</summary>
    public LogBound LogBound { get; init; } = LogBound.Standard;

    /// <summary>How long a log that was written to is left alone before it is looked at again.</summary>
    public TimeSpan LogInterval { get; init; } = TimeSpan.FromSeconds(1);
}
