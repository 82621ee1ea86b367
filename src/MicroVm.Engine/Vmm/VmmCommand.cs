using System.Runtime.InteropServices;

namespace MicroVm.Engine.Vmm;

/// <summary>How a VMM is started.</summary>
/// <param name="Program">Absolute path.</param>
/// <param name="Arguments">What follows the program's name in argv.</param>
/// <param name="Descriptors">The files that become descriptors 0, 1, 2, …; disposed with this object, since the VMM has its own then.</param>
internal sealed record VmmCommand(string Program, IReadOnlyList<string> Arguments, IReadOnlyList<SafeHandle> Descriptors) : IDisposable
{
    /// <summary>Closes this process's copies of the descriptors.</summary>
    public void Dispose()
    {
        foreach (SafeHandle descriptor in Descriptors)
        {
            descriptor.Dispose();
        }
    }
}
