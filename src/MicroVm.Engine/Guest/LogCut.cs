namespace MicroVm.Engine.Guest;

/// <summary>What became of a log that was held against its bound.</summary>
internal enum LogCut
{
    /// <summary>It is within it.</summary>
    Unneeded,

    /// <summary>Its older part was given back to the file system.</summary>
    Done,

    /// <summary>It is too long, and the file system has no holes.</summary>
    Impossible,
}
