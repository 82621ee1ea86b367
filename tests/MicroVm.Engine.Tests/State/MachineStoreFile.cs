using MicroVm.Engine.State;

namespace MicroVm.Engine.Tests.State;

/// <summary>Replaces files as records are replaced.</summary>
internal static class MachineStoreFile
{
    public static void Replace(string path) => AtomicFile.Write(path, "content"u8);
}
