namespace MicroVm.Engine.Machines;

/// <summary>What becomes of a restored guest's SSH host keys.</summary>
public enum SshHostKeyPolicy
{
    /// <summary>They are made anew: what a clone needs, or clients cannot tell it from its source.</summary>
    Renew,

    /// <summary>They stay.</summary>
    Keep,
}
