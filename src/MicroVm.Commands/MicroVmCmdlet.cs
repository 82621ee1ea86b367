using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Management.Automation;
using MicroVm.Commands.Async;
using MicroVm.Commands.Lookup;
using MicroVm.Engine;
using MicroVm.Engine.Machines;
using MicroVm.Engine.State;

namespace MicroVm.Commands;

/// <summary>What all cmdlets share: the engine, error records, and confirmation.</summary>
public abstract class MicroVmCmdlet : AsyncCmdlet
{
    private MicroVmEngine? engine;

    /// <summary>The engine over the directories that <c>MICROVM_HOME</c> and the user name now, not when the module was imported.</summary>
    private protected MicroVmEngine Engine => engine ??= new MicroVmEngine(MicroVmPaths.FromEnvironment());

    /// <summary>Finds VMs by name and id, and writes an error for each that does not exist.</summary>
    private protected MachineLookup Machines => new(this, Engine);

    /// <summary>Finds snapshots by name and id, and writes an error for each that does not exist.</summary>
    private protected SnapshotLookup Snapshots => new(this, Engine);

    /// <summary>Finds images by name, and writes an error for each that does not exist.</summary>
    private protected ImageLookup Images => new(this, Engine);

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

    /// <summary>
    /// Makes VMs, several at a time, and emits each as soon as it is made. What was made and could not be emitted, because of Ctrl+C or because a downstream
    /// cmdlet has enough, is removed again.
    /// </summary>
    /// <param name="names">Their names.</param>
    /// <param name="limit">How many are made at a time.</param>
    /// <param name="make">Makes one.</param>
    private protected void Make(
        IReadOnlyList<string> names, int limit, Func<string, IOperationObserver, CancellationToken, Task<VirtualMachine>> make)
    {
        ConcurrentDictionary<Guid, VirtualMachine> unclaimed = [];
        try
        {
            foreach (Outcome<string> outcome in Enumerate(token => FanOut.RunAsync(names, limit, MakeOneAsync, token)))
            {
                switch (outcome)
                {
                    case { Failure: { } failure }:
                        WriteError(ErrorRecords.From(failure, outcome.Target));
                        break;
                    case { Item: CollectingObserver.Remark { IsWarning: true } remark }:
                        WriteWarning(remark.Text);
                        break;
                    case { Item: CollectingObserver.Remark remark }:
                        WriteVerbose(remark.Text);
                        break;
                    case { Item: VirtualMachine made }:
                        unclaimed.TryRemove(made.Id, out _);
                        WriteObject(made);
                        break;
                }
            }
        }
        finally
        {
            foreach (VirtualMachine made in unclaimed.Values)
            {
                CleanUp(token => Engine.RemoveAsync(made.Id, force: true, NullObserver.Instance, token));
            }
        }

        async Task MakeOneAsync(string name, Func<object, Task> emit, CancellationToken cancellationToken)
        {
            CollectingObserver said = new();
            try
            {
                VirtualMachine made = await make(name, said, cancellationToken);
                unclaimed[made.Id] = made;
                await emit(made);
            }
            finally
            {
                foreach (CollectingObserver.Remark remark in said.Remarks)
                {
                    await emit(remark);
                }
            }
        }
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
