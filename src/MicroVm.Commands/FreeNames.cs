using MicroVm.Engine;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Machines;

namespace MicroVm.Commands;

/// <summary>Names that no VM has, made from one by the suffixes -1, -2 and so on. Several threads may ask at a time; none gets the same name twice.</summary>
internal sealed class FreeNames(MicroVmEngine engine, string name)
{
    private readonly IEnumerator<string> candidates = NumberedNames.From(name).GetEnumerator();

    /// <summary>The next one.</summary>
    public string Next()
    {
        lock (candidates)
        {
            do
            {
                candidates.MoveNext();
            }
            while (engine.FindMachine(candidates.Current) is not null);
            return candidates.Current;
        }
    }

    /// <summary>Makes a VM, under another name when somebody took this one since it was seen free.</summary>
    public async Task<VirtualMachine> UseAsync(string name, Func<string, Task<VirtualMachine>> make)
    {
        while (true)
        {
            try
            {
                return await make(name);
            }
            catch (MicroVmException exception) when (exception.ErrorId == ErrorIds.MicroVmAlreadyExists)
            {
                name = Next();
            }
        }
    }
}
