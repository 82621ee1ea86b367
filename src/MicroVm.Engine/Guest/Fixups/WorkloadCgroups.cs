namespace MicroVm.Engine.Guest.Fixups;

/// <summary>Two cgroups of version 2 (cgroups(7)) that a guest has made where the host may freeze what runs in it.</summary>
/// <param name="Workload">The directory of the one that holds all but init, the services and the agent.</param>
/// <param name="Guard">The directory of the one that holds the process which thaws the other should no host come to do it.</param>
internal sealed record WorkloadCgroups(string Workload, string Guard);
