namespace MicroVm.Engine.Guest;

/// <summary>Which of a VM's logs.</summary>
public enum LogSource
{
    /// <summary>What the guest wrote to its serial console.</summary>
    Serial,

    /// <summary>What the VMM process wrote to its standard output and error.</summary>
    Vmm,
}
