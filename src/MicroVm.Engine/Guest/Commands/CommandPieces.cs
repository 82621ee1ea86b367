namespace MicroVm.Engine.Guest.Commands;

/// <summary>What was read of a command's output.</summary>
/// <param name="Pieces">The pieces, in their streams' order.</param>
/// <param name="IsAll">Whether nothing more was there.</param>
internal sealed record CommandPieces(IReadOnlyList<GuestOutput> Pieces, bool IsAll);
