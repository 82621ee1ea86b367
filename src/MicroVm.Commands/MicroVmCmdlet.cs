using System.Diagnostics.CodeAnalysis;
using System.Management.Automation;
using MicroVm.Commands.Async;
using MicroVm.Commands.Lookup;
using MicroVm.Engine;
using MicroVm.Engine.State;

namespace MicroVm.Commands;

/// <summary>What all cmdlets share: the engine, error records, and confirmation.</summary>
public abstract class MicroVmCmdlet : AsyncCmdlet
{
    private MicroVmEngine? engine;

    /// <summary>The engine over the directories that <c>MICROVM_HOME</c> and the user name now, not when the module was imported.</summary>
    private protected MicroVmEngine Engine => engine ??= new MicroVmEngine(MicroVmPaths.FromEnvironment(), KeeperHost.Command);

    /// <summary>Finds VMs by name and id, and writes an error for each that does not exist.</summary>
    private protected MachineLookup Machines => new(this, Engine);

    /// <summary>Finds snapshots by name and id, and writes an error for each that does not exist.</summary>
    private protected SnapshotLookup Snapshots => new(this, Engine);

    /// <summary>Finds images by name, and writes an error for each that does not exist.</summary>
    private protected ImageLookup Images => new(this, Engine);

    /// <summary>Finds named networks by name, and writes an error for each that does not exist.</summary>
    private protected NetworkLookup Networks => new(this, Engine);

    /// <summary>Runs an operation; a failure becomes a non-terminating error about the target, and other targets go on.</summary>
    private protected bool TryRun<T>(
        object target, Func<IOperationObserver, CancellationToken, Task<T>> operation, [MaybeNullWhen(false)] out T result) =>
        TryComplete(target, Run(operation), out result);

    /// <summary>Runs an operation without a result.</summary>
    private protected bool TryRun(object target, Func<IOperationObserver, CancellationToken, Task> operation)
    {
        async Task<bool> Completed(IOperationObserver observer, CancellationToken cancellationToken)
        {
            await operation(observer, cancellationToken);
            return true;
        }

        return TryRun(target, Completed, out _);
    }

    /// <summary>Takes the result of an operation that has ended; a failure becomes a non-terminating error about the target.</summary>
    private protected bool TryComplete<T>(object target, Task<T> ended, [MaybeNullWhen(false)] out T result)
    {
        if (ended.IsCompletedSuccessfully)
        {
            result = ended.Result;
            return true;
        }

        WriteError(ErrorRecords.From(ended.Exception?.InnerException ?? new TaskCanceledException(ended), target));
        result = default;
        return false;
    }

    /// <summary>Hands on the elements of a sequence; a failure to get one becomes a non-terminating error and ends it.</summary>
    private protected IEnumerable<T> Guard<T>(Func<IEnumerable<T>> source, object? target = null) => source.Guard(this, target);

    /// <summary>
    /// Asks as ShouldProcess does, but with an impact that may be lower than the one the cmdlet declares: none with -Force, which silences
    /// all but -WhatIf and an explicit -Confirm.
    /// </summary>
    private protected bool ShouldAct(string target, string action, ConfirmImpact impact)
    {
        if (MyInvocation.BoundParameters.ContainsKey("Confirm") || IsWhatIf || Reaches(impact))
        {
            return ShouldProcess(target, action);
        }

        WriteVerbose($"Performing the operation \"{action}\" on target \"{target}\".");
        return true;
    }

    /// <summary>Whether the cmdlet is only to say what it would do.</summary>
    private protected bool IsWhatIf =>
        LanguagePrimitives.IsTrue(
            MyInvocation.BoundParameters.TryGetValue("WhatIf", out object? given) ? given : GetVariableValue("WhatIfPreference"));

    private bool Reaches(ConfirmImpact impact) =>
        LanguagePrimitives.TryConvertTo(GetVariableValue("ConfirmPreference"), out ConfirmImpact preference)
        && impact != ConfirmImpact.None
        && preference != ConfirmImpact.None
        && impact >= preference;
}
