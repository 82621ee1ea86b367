namespace MicroVm.Engine.Machines;

/// <summary>How far a stop goes.</summary>
public enum StopMode
{
    /// <summary>Ask the guest and wait; leave it running when it does not comply in time.</summary>
    Graceful,

    /// <summary>Ask the guest, then end the VMM.</summary>
    GracefulThenForce,

    /// <summary>End the VMM at once, as if the power were cut.</summary>
    TurnOff,
}
