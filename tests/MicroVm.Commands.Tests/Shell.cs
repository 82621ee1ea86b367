using System.Management.Automation;
using System.Management.Automation.Runspaces;
using MicroVm.Engine;

namespace MicroVm.Commands.Tests;

/// <summary>A PowerShell in this process that knows the fake cmdlets.</summary>
internal sealed class Shell : IDisposable
{
    private readonly Runspace runspace;

    public Shell()
    {
        InitialSessionState state = InitialSessionState.CreateDefault2();
        state.Commands.Add(new SessionStateCmdletEntry("Invoke-FakeOperation", typeof(FakeOperationCommand), null));
        state.Commands.Add(new SessionStateCmdletEntry("Get-FakeStream", typeof(FakeStreamCommand), null));
        runspace = RunspaceFactory.CreateRunspace(state);
        runspace.Open();
        PowerShell = PowerShell.Create();
        PowerShell.Runspace = runspace;
    }

    public PowerShell PowerShell { get; }

    /// <summary>Puts a script with $operation into the shell, ready to be invoked.</summary>
    public PowerShell Operation(string script, Func<string, IOperationObserver, CancellationToken, Task<string>> operation) =>
        Script(script, "operation", operation);

    /// <summary>Puts a script with $source into the shell, ready to be invoked.</summary>
    public PowerShell Stream(string script, Func<CancellationToken, IAsyncEnumerable<string>> source) => Script(script, "source", source);

    public void Dispose()
    {
        PowerShell.Dispose();
        runspace.Dispose();
    }

    private PowerShell Script(string script, string variable, object value)
    {
        runspace.SessionStateProxy.SetVariable(variable, value);
        return PowerShell.AddScript(script);
    }
}
