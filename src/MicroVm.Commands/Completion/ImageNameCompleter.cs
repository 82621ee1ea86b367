using System.Collections;
using MicroVm.Engine;

namespace MicroVm.Commands.Completion;

/// <summary>Completes names of images that are installed or, for New-MicroVm, would be.</summary>
public sealed class ImageNameCompleter : NameCompleter
{
    private protected override IEnumerable<Candidate> Find(MicroVmEngine engine, string commandName, IDictionary boundParameters)
    {
        IEnumerable<Candidate> installed = engine.GetImages().Select(image => new Candidate(image.Name, image.Description));
        return commandName == "New-MicroVm"
            ? installed.Concat(MicroVmEngine.InstallableImages.Select(name => new Candidate(name, $"{name} (installed on first use)")))
            : installed;
    }
}
