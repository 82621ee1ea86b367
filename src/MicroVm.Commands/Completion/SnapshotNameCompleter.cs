using System.Collections;
using System.Management.Automation;
using MicroVm.Engine;
using MicroVm.Engine.Snapshots;
using MicroVm.Engine.Machines;

namespace MicroVm.Commands.Completion;

/// <summary>Completes names of snapshots, of the VMs that -VMName or -VM name if either does.</summary>
public sealed class SnapshotNameCompleter : NameCompleter
{
    private protected override IEnumerable<Candidate> Find(MicroVmEngine engine, string commandName, IDictionary boundParameters)
    {
        WildcardPattern[] owners = [.. Owners(boundParameters).Select(name => new WildcardPattern(name, WildcardOptions.IgnoreCase))];
        return engine.GetSnapshots()
            .Where(snapshot => owners.Length == 0 || owners.Any(owner => owner.IsMatch(snapshot.VMName)))
            .Select(Describe);
    }

    private static Candidate Describe(Snapshot snapshot) =>
        new(snapshot.Name, $"{snapshot.Name} of {snapshot.VMName}, {snapshot.CreatedAt:g}");

    private static IEnumerable<string> Owners(IDictionary boundParameters)
    {
        object? given = boundParameters["VMName"] ?? boundParameters["VM"];
        IEnumerable<object?> owners = LanguagePrimitives.GetEnumerable(given)?.Cast<object?>() ?? [given];
        return owners.Select(NameOf).OfType<string>();
    }

    private static string? NameOf(object? owner) => (owner is PSObject wrapped ? wrapped.BaseObject : owner) switch
    {
        VirtualMachine vm => vm.Name,
        null => null,
        var other => other.ToString(),
    };
}
