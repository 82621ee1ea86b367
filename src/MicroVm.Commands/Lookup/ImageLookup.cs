using System.Management.Automation;
using MicroVm.Engine;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Storage;

namespace MicroVm.Commands.Lookup;

/// <summary>Finds images. A literal name that nothing has is a non-terminating error, a pattern without a match is none.</summary>
internal sealed class ImageLookup(Cmdlet cmdlet, MicroVmEngine engine)
{
    /// <summary>All images.</summary>
    public IEnumerable<GuestImage> All() => ((Func<IEnumerable<GuestImage>>)engine.GetImages).Guard(cmdlet, null);

    /// <summary>The images of the given names and patterns.</summary>
    public IEnumerable<GuestImage> ByName(string[] names) =>
        NameMatch.Find(cmdlet, names, All(), image => image.Name, ErrorIds.ImageNotFound, "image");
}
