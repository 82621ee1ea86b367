namespace MicroVm.Commands;

/// <summary>What can be waited for besides a state.</summary>
public enum WaitCondition
{
    /// <summary>The guest wrote its image's ready marker.</summary>
    Ready,

    /// <summary>The agent in the guest answers.</summary>
    Agent,

    /// <summary>The guest has an address that is good beyond its link.</summary>
    Network,

    /// <summary>Something in the guest listens on a TCP port.</summary>
    Port,

    /// <summary>The VM has no VMM any more.</summary>
    Exit,
}
