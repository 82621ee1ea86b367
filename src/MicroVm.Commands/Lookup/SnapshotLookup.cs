using System.Management.Automation;
using MicroVm.Engine;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Snapshots;

namespace MicroVm.Commands.Lookup;

/// <summary>Finds snapshots. A literal name or id that nothing has is a non-terminating error, a pattern without a match is none.</summary>
internal sealed class SnapshotLookup(Cmdlet cmdlet, MicroVmEngine engine)
{
    /// <summary>All snapshots.</summary>
    public IEnumerable<Snapshot> All() => ((Func<IEnumerable<Snapshot>>)engine.GetSnapshots).Guard(cmdlet, null);

    /// <summary>The snapshots of the VM of that id.</summary>
    public IEnumerable<Snapshot> OfMachine(Guid vmId) => All().Where(snapshot => snapshot.VMId == vmId);

    /// <summary>The snapshots of the given ids.</summary>
    public IEnumerable<Snapshot> ById(Guid[] ids)
    {
        List<Snapshot> all = [.. All()];
        foreach (Guid id in ids)
        {
            if (all.Find(snapshot => snapshot.SnapshotId == id) is { } found)
            {
                yield return found;
            }
            else
            {
                cmdlet.WriteError(NotFound(id));
            }
        }
    }

    /// <summary>The snapshots of the given names and patterns, among those given.</summary>
    public IEnumerable<Snapshot> ByName(string[] names, IEnumerable<Snapshot> among) =>
        NameMatch.Find(cmdlet, names, among, snapshot => snapshot.Name, ErrorIds.SnapshotNotFound, "snapshot");

    /// <summary>The snapshots of the VMs of the given names and patterns, whether those VMs exist still or not.</summary>
    public IEnumerable<Snapshot> ByMachineName(string[] vmNames)
    {
        List<Snapshot> all = [.. All()];
        foreach (string vmName in vmNames)
        {
            WildcardPattern pattern = NameMatch.Pattern(vmName);
            List<Snapshot> found = all.FindAll(snapshot => pattern.IsMatch(snapshot.VMName));
            if (found.Count == 0 && NameMatch.IsLiteral(vmName))
            {
                // A VM without snapshots is no error, a VM that does not exist is.
                _ = new MachineLookup(cmdlet, engine).ByName([vmName]).Any();
            }

            foreach (Snapshot snapshot in found)
            {
                yield return snapshot;
            }
        }
    }

    /// <summary>The one snapshot of a literal name among those given, or null after an error was written.</summary>
    public Snapshot? Single(string name, IEnumerable<Snapshot> among)
    {
        List<Snapshot> found = [.. among.Where(snapshot => string.Equals(snapshot.Name, name, StringComparison.OrdinalIgnoreCase))];
        if (found.Count == 1)
        {
            return found[0];
        }

        cmdlet.WriteError(found.Count == 0 ? NotFound(name) : Ambiguous(name, found));
        return null;
    }

    private static ErrorRecord NotFound(object target) => ErrorRecords.NotFound(ErrorIds.SnapshotNotFound, "snapshot", target);

    private static ErrorRecord Ambiguous(string name, IEnumerable<Snapshot> found)
    {
        string owners = string.Join(", ", found.Select(snapshot => snapshot.VMName));
        string message = $"Several VMs have a snapshot '{name}': {owners}.";
        MicroVmException failure = new(ErrorIds.AmbiguousSnapshot, ErrorKind.InvalidArgument, message)
        {
            RecommendedAction = "Say which with -VMName.",
        };
        return ErrorRecords.From(failure, name);
    }
}
