namespace MicroVm.Commands;

/// <summary>What can be waited for besides a state.</summary>
public enum WaitCondition
{
    /// <summary>The guest wrote its image's ready marker.</summary>
    Ready,
}
