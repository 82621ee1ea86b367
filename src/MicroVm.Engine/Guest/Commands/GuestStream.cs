namespace MicroVm.Engine.Guest.Commands;

/// <summary>Which of a command's streams.</summary>
public enum GuestStream
{
    /// <summary>The standard output.</summary>
    Output,

    /// <summary>The standard error.</summary>
    Error,
}
