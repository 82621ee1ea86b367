namespace MicroVm.Engine.Network;

/// <summary>What <see cref="Firewall.Ensure"/> found and did.</summary>
internal enum FirewallState
{
    /// <summary>The rules were there.</summary>
    Unchanged,

    /// <summary>They were there in another version, or for other pools only; what VMs have in them was kept.</summary>
    Updated,

    /// <summary>They were not there: VMs that run have to be attached again.</summary>
    Loaded,
}
