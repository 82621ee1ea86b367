using System.Management.Automation;

namespace MicroVm.Commands.Tests;

/// <summary>A cmdlet on the real base classes that hands out the test's sequence.</summary>
[Cmdlet(VerbsCommon.Get, "FakeStream")]
public sealed class FakeStreamCommand : MicroVmCmdlet
{
    /// <summary>The sequence.</summary>
    [Parameter(Mandatory = true, Position = 0)]
    public Func<CancellationToken, IAsyncEnumerable<string>> Source { get; set; } = null!;

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (string element in Guard(() => Enumerate(Source), "source"))
        {
            WriteObject(element);
        }
    }
}
