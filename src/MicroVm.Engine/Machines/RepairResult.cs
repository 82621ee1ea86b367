namespace MicroVm.Engine.Machines;

/// <summary>What became of something that a crash left.</summary>
public enum RepairResult
{
    /// <summary>It was found, and can be put right.</summary>
    Found,

    /// <summary>It was put right.</summary>
    Done,

    /// <summary>It is not there any more: somebody else was quicker.</summary>
    Gone,

    /// <summary>It was left as it is: nobody can be certain, or somebody is at work on it.</summary>
    Left,

    /// <summary>It could not be put right.</summary>
    Failed,
}
