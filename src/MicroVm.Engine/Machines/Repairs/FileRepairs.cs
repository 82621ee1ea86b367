using Microsoft.Win32.SafeHandles;
using MicroVm.Engine.Native;
using MicroVm.Engine.State;

namespace MicroVm.Engine.Machines.Repairs;

/// <summary>Disks that their VMs do not use, and files that were being written.</summary>
internal static class FileRepairs
{
    /// <summary>What is found.</summary>
    public static IEnumerable<RepairAction> Find(EngineContext context)
    {
        foreach (Guid id in context.Machines.Ids())
        {
            if (RepairPlan.ReadIdle(context, id) is not { } record)
            {
                continue;
            }

            string directory = context.Machines.DirectoryOf(id);
            foreach (string disk in FilesIn(directory, "*.raw").Where(path => Path.GetFileName(path) != record.OverlayDisk))
            {
                yield return new RepairAction
                {
                    Kind = RepairKind.LeftoverDisk,
                    Target = disk,
                    Reason = $"VM '{record.Name}' does not use it: a restore was interrupted.",
                    Mend = (_, _) => DeleteDiskAsync(context, id, disk),
                };
            }

            foreach (RepairAction file in TemporariesIn(directory))
            {
                yield return file;
            }
        }

        foreach (string directory in (string[])[context.Paths.CacheDirectory, context.Paths.DataDirectory])
        {
            foreach (RepairAction file in TemporariesIn(directory))
            {
                yield return file;
            }
        }
    }

    private static async Task<RepairResult> DeleteDiskAsync(EngineContext context, Guid id, string disk)
    {
        // Ends the VMM of an interrupted restore, which uses it.
        using LockedMachine machine = await context.OpenAsync(id, "Repair-MicroVmHost");
        if (!File.Exists(disk) || machine.Record.OverlayDisk == Path.GetFileName(disk))
        {
            return RepairResult.Gone;
        }

        using (SafeFileHandle file = Descriptors.OpenUnlocked(disk))
        {
            if (FileLock.IsHeldElsewhere(file))
            {
                return RepairResult.Left;
            }
        }

        File.Delete(disk);
        return RepairResult.Done;
    }

    private static IEnumerable<RepairAction> TemporariesIn(string directory)
    {
        foreach (string path in FilesIn(directory, "*" + AtomicFile.TemporaryExtension))
        {
            string name = Path.GetFileNameWithoutExtension(path);
            if (OwnedName.IsAbandoned(name))
            {
                yield return RepairPlan.Action(RepairKind.TemporaryFile, path, "The process that was writing it is dead.", () => Delete(path));
            }
            else if (OwnedName.OwnerOf(name) is null)
            {
                yield return RepairPlan.Doubtful(RepairKind.TemporaryFile, path, "It does not say who was writing it.");
            }
        }
    }

    private static RepairResult Delete(string path)
    {
        bool existed = File.Exists(path);
        File.Delete(path);
        return existed ? RepairResult.Done : RepairResult.Gone;
    }

    private static string[] FilesIn(string directory, string pattern)
    {
        try
        {
            return Directory.GetFiles(directory, pattern);
        }
        catch (DirectoryNotFoundException)
        {
            return [];
        }
    }
}
