using System.Collections;
using MicroVm.Engine;

namespace MicroVm.Commands.Completion;

/// <summary>Completes names of images that the engine knows how to make.</summary>
public sealed class InstallableImageCompleter : NameCompleter
{
    private protected override IEnumerable<Candidate> Find(MicroVmEngine engine, string commandName, IDictionary boundParameters) =>
        MicroVmEngine.InstallableImages.Select(name => new Candidate(name, name));
}
