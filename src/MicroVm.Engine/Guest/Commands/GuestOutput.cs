namespace MicroVm.Engine.Guest.Commands;

/// <summary>A piece of what a command wrote, as it came.</summary>
/// <param name="Stream">Where it wrote it.</param>
/// <param name="Bytes">What it wrote.</param>
public sealed record GuestOutput(GuestStream Stream, ReadOnlyMemory<byte> Bytes);
