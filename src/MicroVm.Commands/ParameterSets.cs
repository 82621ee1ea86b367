namespace MicroVm.Commands;

/// <summary>The names of the parameter sets.</summary>
internal static class ParameterSets
{
    /// <summary>VMs, snapshots or images by name.</summary>
    public const string Name = nameof(Name);

    /// <summary>VMs by object.</summary>
    public const string VM = nameof(VM);

    /// <summary>VMs or snapshots by id.</summary>
    public const string Id = nameof(Id);

    /// <summary>Snapshots by object.</summary>
    public const string Snapshot = nameof(Snapshot);

    /// <summary>A snapshot by name, to restore it.</summary>
    public const string SnapshotName = nameof(SnapshotName);

    /// <summary>Images by object.</summary>
    public const string InputObject = nameof(InputObject);

    /// <summary>A VM from an image.</summary>
    public const string Image = nameof(Image);

    /// <summary>A VM from kernel and disk files.</summary>
    public const string Kernel = nameof(Kernel);

    /// <summary>A VM from a description.</summary>
    public const string Spec = nameof(Spec);

    /// <summary>A VM from a file with a description.</summary>
    public const string SpecPath = nameof(SpecPath);

    /// <summary>Checks as objects.</summary>
    public const string Check = nameof(Check);

    /// <summary>Checks as one answer.</summary>
    public const string Quiet = nameof(Quiet);
}
