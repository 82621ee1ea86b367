using MicroVm.Engine.Native;

namespace MicroVm.Engine.Tests.Support;

/// <summary>A test that needs root, for namespaces and mounts.</summary>
internal sealed class RootFactAttribute : FactAttribute
{
    public RootFactAttribute() => Skip = Host.WhyNotRoot;
}

/// <summary>As <see cref="RootFactAttribute"/>, once for each of its data.</summary>
internal sealed class RootTheoryAttribute : TheoryAttribute
{
    public RootTheoryAttribute() => Skip = Host.WhyNotRoot;
}

/// <summary>A test that needs the C compiler.</summary>
internal sealed class CompilerFactAttribute : FactAttribute
{
    public CompilerFactAttribute() => Skip = ProgramFinder.Find("gcc") is null ? "gcc is not installed: what the headers say cannot be asked." : null;
}

/// <summary>A test that starts guests in QEMU; it may take two minutes.</summary>
internal sealed class QemuFactAttribute : FactAttribute
{
    public QemuFactAttribute()
    {
        Skip = Host.WhyNoQemu;
        Timeout = 120_000;
    }
}

/// <summary>A test that starts guests in QEMU and mounts file systems.</summary>
internal sealed class QemuRootFactAttribute : FactAttribute
{
    public QemuRootFactAttribute()
    {
        Skip = Host.WhyNoQemu ?? Host.WhyNotRoot;
        Timeout = 120_000;
    }
}

/// <summary>As <see cref="QemuFactAttribute"/>, once for each of its data.</summary>
internal sealed class QemuTheoryAttribute : TheoryAttribute
{
    public QemuTheoryAttribute()
    {
        Skip = Host.WhyNoQemu;
        Timeout = 120_000;
    }
}

/// <summary>As <see cref="QemuRootFactAttribute"/>, once for each of its data.</summary>
internal sealed class QemuRootTheoryAttribute : TheoryAttribute
{
    public QemuRootTheoryAttribute()
    {
        Skip = Host.WhyNoQemu ?? Host.WhyNotRoot;
        Timeout = 120_000;
    }
}

/// <summary>A test whose VMM is a script.</summary>
internal sealed class StubVmmFactAttribute : FactAttribute
{
    public StubVmmFactAttribute()
    {
        Skip = ProgramFinder.Find("perl") is null ? "perl, in which the stand-in for a VMM is written, is not installed." : null;
        Timeout = 60_000;
    }
}

/// <summary>A test with network namespaces of its own.</summary>
internal sealed class NetworkFactAttribute : FactAttribute
{
    public NetworkFactAttribute() => Skip = Host.WhyNoNetwork;
}

/// <summary>A test with QEMU and network namespaces of its own, but without a guest.</summary>
internal sealed class QemuNetworkFactAttribute : FactAttribute
{
    public QemuNetworkFactAttribute() => Skip = Host.WhyNoQemu ?? Host.WhyNoNetwork;
}

/// <summary>What this host has.</summary>
internal static class Host
{
    public static string? WhyNotRoot => Credentials.EffectiveUserId == 0 ? null : "Only root may make namespaces and mounts.";

    public static string? WhyNoNetwork => WhyNotRoot
        ?? (!File.Exists("/dev/net/tun") ? "This host has no TAP devices." : null)
        ?? (ProgramFinder.Find("ip") is null ? "ip is not installed, with which the tests look at networks." : null);

    public static string? WhyNoExitInfo => Environment.OSVersion.Version >= new Version(6, 15) ? null : "Linux before 6.15 tells nobody but the parent how a process ended.";

    public static string? WhyNoQemu => ProgramFinder.Find("qemu-system-x86_64") is null ? "QEMU (qemu-system-x86_64) is not installed."
        : ProgramFinder.Find("mke2fs") is null ? "mke2fs is not installed."
        : null;
}

/// <summary>A test that needs a kernel that tells how other processes' children ended.</summary>
internal sealed class ExitInfoFactAttribute : FactAttribute
{
    public ExitInfoFactAttribute() => Skip = Host.WhyNoExitInfo;
}

/// <summary>As <see cref="ExitInfoFactAttribute"/>, once for each of its data.</summary>
internal sealed class ExitInfoTheoryAttribute : TheoryAttribute
{
    public ExitInfoTheoryAttribute() => Skip = Host.WhyNoExitInfo;
}
