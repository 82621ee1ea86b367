using Xunit;

namespace MicroVm.Commands.Tests;

/// <summary>A test that needs pwsh and is left out where there is none.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class PwshFactAttribute : FactAttribute
{
    public PwshFactAttribute() => Skip = InstalledPowerShell.Missing!;
}

/// <summary>A parametrised test that needs pwsh and is left out where there is none.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class PwshTheoryAttribute : TheoryAttribute
{
    public PwshTheoryAttribute() => Skip = InstalledPowerShell.Missing!;
}
