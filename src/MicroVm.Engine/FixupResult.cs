namespace MicroVm.Engine;

/// <summary>What became of one thing that a restored guest needs.</summary>
public enum FixupResult
{
    /// <summary>It was done before the guest's workload went on.</summary>
    Done,

    /// <summary>There was nothing to do.</summary>
    NotNeeded,

    /// <summary>It was done, but the workload went on before it was, or may go on without it for a while.</summary>
    Unprotected,

    /// <summary>It was tried and could not be done.</summary>
    Failed,

    /// <summary>It was not tried: nobody in the guest could have done it, or it was not wanted.</summary>
    Skipped,
}
