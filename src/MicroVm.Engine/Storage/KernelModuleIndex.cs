using System.Text;

namespace MicroVm.Engine.Storage;

/// <summary>The index files modprobe reads, for a set of modules that lie in one directory (modules.dep(5)).</summary>
internal static class KernelModuleIndex
{
    /// <summary>The content of <c>modules.dep</c>: each module with all it needs, to be loaded from the last to the first.</summary>
    /// <exception cref="InvalidDataException">A module needs one that is not in the set.</exception>
    public static string Dependencies(IReadOnlyCollection<KernelModule> modules)
    {
        Dictionary<string, KernelModule> byName = modules.ToDictionary(m => m.Name);
        StringBuilder text = new();
        foreach (KernelModule module in modules)
        {
            List<KernelModule> loadOrder = [];
            Visit(module, byName, loadOrder);
            loadOrder.Reverse();
            text.Append(module.FileName).Append(':');
            foreach (KernelModule needed in loadOrder.Skip(1))
            {
                text.Append(' ').Append(needed.FileName);
            }

            text.Append('\n');
        }

        return text.ToString();
    }

    /// <summary>The content of <c>modules.alias</c>: which module drives which device.</summary>
    public static string Aliases(IEnumerable<KernelModule> modules)
    {
        StringBuilder text = new();
        foreach (KernelModule module in modules)
        {
            foreach (string alias in module.Aliases)
            {
                text.Append("alias ").Append(alias).Append(' ').Append(module.Name).Append('\n');
            }
        }

        return text.ToString();
    }

    // The kernel refuses to link modules in a circle, so this ends.
    private static void Visit(KernelModule module, Dictionary<string, KernelModule> byName, List<KernelModule> loadOrder)
    {
        if (loadOrder.Contains(module))
        {
            return;
        }

        foreach (string name in module.Depends)
        {
            if (!byName.TryGetValue(name, out KernelModule? needed))
            {
                throw new InvalidDataException($"Kernel module '{module.Name}' needs '{name}', which is not there.");
            }

            Visit(needed, byName, loadOrder);
        }

        loadOrder.Add(module);
    }
}
