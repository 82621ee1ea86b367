using MicroVm.Engine.Guest.Agent;

namespace MicroVm.Engine.Guest.Commands;

/// <summary>What one turn with the agent told of a command.</summary>
/// <param name="Status">Whether it runs.</param>
/// <param name="Output">What it wrote since the turn before.</param>
internal sealed record CommandStep(AgentExecStatus Status, CommandPieces Output);
