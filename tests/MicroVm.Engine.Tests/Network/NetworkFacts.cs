using MicroVm.Engine.Native;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.Network;

/// <summary>A test that makes network namespaces and devices in them.</summary>
internal sealed class NetnsFactAttribute : FactAttribute
{
    public NetnsFactAttribute() => Skip = Netns.WhyNot;
}

/// <summary>A test that runs passt in a network namespace of its own.</summary>
internal sealed class PasstFactAttribute : FactAttribute
{
    public PasstFactAttribute() => Skip = Netns.WhyNot ?? (ProgramFinder.Find("passt") is null ? "passt is not installed." : null);
}

/// <summary>As <see cref="NetnsFactAttribute"/>, once for each of its data.</summary>
internal sealed class NetnsTheoryAttribute : TheoryAttribute
{
    public NetnsTheoryAttribute() => Skip = Netns.WhyNot;
}

/// <summary>A test that makes bridges and loads rules for them.</summary>
internal sealed class BridgeFactAttribute : FactAttribute
{
    public BridgeFactAttribute() => Skip = Netns.WhyNot ?? (ProgramFinder.Find("nft") is null ? "nft is not installed." : null);
}

/// <summary>A test that starts guests in QEMU behind passt; it may take two minutes.</summary>
internal sealed class QemuPasstFactAttribute : FactAttribute
{
    public QemuPasstFactAttribute()
    {
        Skip = Host.WhyNoQemu ?? new PasstFactAttribute().Skip;
        Timeout = 120_000;
    }
}
