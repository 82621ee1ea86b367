using MicroVm.Engine.Native;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.Network;

/// <summary>A test with packets: root, nft(8) and ip(8); what else it needs is given.</summary>
internal sealed class FirewallFactAttribute : FactAttribute
{
    public FirewallFactAttribute(params string[] others)
    {
        string? missing = ((string[])["nft", "ip", .. others]).FirstOrDefault(name => ProgramFinder.Find(name) is null);
        Skip = Host.WhyNotRoot ?? (missing is null ? null : $"{missing} is not installed.");
    }
}
