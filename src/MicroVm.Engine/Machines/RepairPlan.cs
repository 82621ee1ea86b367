using MicroVm.Engine.Errors;
using MicroVm.Engine.Machines.Repairs;
using MicroVm.Engine.State;
using MicroVm.Engine.Storage;

namespace MicroVm.Engine.Machines;

/// <summary>
/// Puts right what crashes left. Looking for it takes no lock and changes nothing; each thing is looked at again, under the lock of its VM, when it is put right.
/// What somebody is at work on is passed over.
/// </summary>
internal static class RepairPlan
{
    /// <summary>All that is found, in the order in which it is best put right.</summary>
    public static IEnumerable<RepairAction> Find(EngineContext context) =>
    [
        .. MachineRepairs.Find(context),
        .. RunRepairs.Find(context),
        .. FileRepairs.Find(context),
        .. NameRepairs.Find(context),
        .. NetworkRepairs.Find(context),
        .. StoreRepairs.Find(context),
    ];

    /// <summary>Puts one thing right.</summary>
    /// <exception cref="MicroVmException">That could not be done.</exception>
    public static async Task<RepairAction> RepairAsync(
        EngineContext context, RepairAction found, IOperationObserver observer, CancellationToken cancellationToken)
    {
        if (found.Mend is not { } mend)
        {
            return found with { Result = RepairResult.Left };
        }

        try
        {
            return found with { Result = await mend(observer, cancellationToken) };
        }
        catch (MicroVmException exception) when (exception.ErrorId == ErrorIds.MicroVmNotFound)
        {
            return found with { Result = RepairResult.Gone };
        }
        catch (MicroVmException exception) when (exception.ErrorId == ErrorIds.MicroVmBusy)
        {
            return found with { Result = RepairResult.Left, Reason = exception.Message };
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw StorageErrors.Wrap(exception, Path.IsPathRooted(found.Target) ? found.Target : context.Paths.DataDirectory);
        }
    }

    /// <summary>Removes a directory with all that is in it, unless somebody else has done so.</summary>
    internal static RepairResult DeleteDirectory(string path) => MachineStore.DeleteDirectory(path) ? RepairResult.Done : RepairResult.Gone;

    /// <summary>Something to be put right without waiting.</summary>
    internal static RepairAction Action(RepairKind kind, string target, string reason, Func<RepairResult> mend) => new()
    {
        Kind = kind,
        Target = target,
        Reason = reason,
        Mend = (_, _) => Task.Run(mend),
    };

    /// <summary>Something that must not be touched.</summary>
    internal static RepairAction Doubtful(RepairKind kind, string target, string reason) => new()
    {
        Kind = kind,
        Target = target,
        Reason = reason,
        Result = RepairResult.Left,
    };

    /// <summary>The record of a VM nobody is at work on; null when there is none, when it is damaged, or when somebody is.</summary>
    internal static MachineRecord? ReadIdle(EngineContext context, Guid id)
    {
        // The lock first: what is read afterwards was written by one who has finished, or has died.
        if (MachineLock.IsHeld(context.Machines.DirectoryOf(id)))
        {
            return null;
        }

        try
        {
            return context.Machines.Read(id);
        }
        catch (MicroVmException exception) when (exception.ErrorId == ErrorIds.StateCorrupt)
        {
            return null;
        }
    }
}
