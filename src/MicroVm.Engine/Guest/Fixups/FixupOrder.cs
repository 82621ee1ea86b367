using MicroVm.Engine.State;

namespace MicroVm.Engine.Guest.Fixups;

/// <summary>What one guest needs, and what its image has for it.</summary>
/// <param name="Due">What is to be done.</param>
/// <param name="HostName">The guest's host name.</param>
/// <param name="Id">The VM's id.</param>
/// <param name="Cgroups">Where its workload may be frozen.</param>
/// <param name="ReseedProgram">Where it may have the program that forces a reseed.</param>
internal sealed record FixupOrder(DueFixups Due, string HostName, Guid Id, WorkloadCgroups Cgroups, string ReseedProgram)
{
    /// <summary>Its network interfaces.</summary>
    public IReadOnlyList<InterfaceChange> Interfaces { get; init; } = [];
}
