namespace MicroVm.Engine;

/// <summary>Where a guest may go, apart from what rules of its own say.</summary>
public enum EgressBase
{
    /// <summary>Anywhere outside: not to the host, other VMs, private and link-local addresses, nor those of clouds' metadata. The host's name servers answer.</summary>
    Internet,

    /// <summary>Anywhere that the host may go, its own network and the metadata address too; not to the host itself nor to other VMs.</summary>
    Open,

    /// <summary>Nowhere. It can still answer on published ports.</summary>
    None,
}
