using MicroVm.Engine.Errors;
using MicroVm.Engine.State;

namespace MicroVm.Engine.Machines;

/// <summary>A VM whose maker died: nobody was ever given it, so nobody misses it.</summary>
internal static class UnfinishedMachine
{
    /// <summary>What is said of one.</summary>
    public const string Detail = "It was never finished: its creation was interrupted. Remove-MicroVm or Repair-MicroVmHost removes what there is of it.";

    /// <summary>Removes one, with what runs in its name.</summary>
    /// <returns>False when it was none.</returns>
    /// <exception cref="MicroVmException"><see cref="ErrorIds.MicroVmBusy"/>: its maker is at work; <see cref="ErrorIds.MicroVmNotFound"/>: it is gone.</exception>
    public static async Task<bool> RemoveAsync(EngineContext context, Guid id, string operation)
    {
        string directory = context.Machines.DirectoryOf(id);
        using MachineLock held = await AcquireAsync(id, directory, operation);
        if (!Directory.Exists(directory) || context.Machines.Read(id) is { IsBeingMade: false })
        {
            return false;
        }

        foreach (string run in context.Runs.Of(id))
        {
            await OrphanedVmm.EndAsync(context.DriverOf(HypervisorKind.Auto), run);
            MachineStore.DeleteDirectory(run);
        }

        string? name = context.Names.NameOf(id);
        context.Machines.Delete(id);
        if (name is not null)
        {
            context.Names.Release(name, id);
        }

        NetworkClaiming.ReleaseClaims(context, id);
        return true;
    }

    private static async Task<MachineLock> AcquireAsync(Guid id, string directory, string operation)
    {
        try
        {
            return await MachineLock.AcquireAsync(directory, id.ToString(), operation);
        }
        catch (IOException) when (!Directory.Exists(directory))
        {
            throw EngineContext.NotFound(id);
        }
    }
}
