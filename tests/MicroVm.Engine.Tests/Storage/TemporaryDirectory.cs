using MicroVm.Engine.State;

namespace MicroVm.Engine.Tests.Storage;

/// <summary>A directory of a test's own, removed with all it holds.</summary>
internal sealed class TemporaryDirectory : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("microvm-test-").FullName;

    public MicroVmPaths Paths => new(File("run"), File("data"));

    public string File(string name) => System.IO.Path.Combine(Path, name);

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
