using System.Runtime.CompilerServices;
using MicroVm.Commands.Async;
using MicroVm.Engine;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Machines;

namespace MicroVm.Commands;

/// <summary>
/// A cmdlet that makes VMs, several at a time, and emits them in the order in which they were asked for, each as soon as it and those before it are done. Ctrl+C,
/// or a downstream cmdlet that has enough, takes back what was made and not yet handed out.
/// </summary>
public abstract class MachineMakingCmdlet : MicroVmCmdlet
{
    /// <summary>The most VMs that -Count makes.</summary>
    private protected const int MaximumCount = 10_000;

    // What was made and not yet handed out; the threads of the engine add to it.
    private readonly List<VirtualMachine> pending = [];

    /// <summary>
    /// How many VMs are made at a time unless the user says otherwise. Nearly all of the time it takes to make one is the VMM's start, which keeps one CPU busy; two
    /// hide what waits for the disk.
    /// </summary>
    private protected static int DefaultThrottleLimit => Math.Max(2, Environment.ProcessorCount);

    /// <summary>Numbers for names that no VM has.</summary>
    private protected NumberedNames FreeNames(string stem) => new(stem, name => Engine.FindMachine(name) is null);

    /// <summary>Makes VMs and emits them.</summary>
    /// <param name="all">The VMs, approved.</param>
    /// <param name="throttleLimit">How many to make at a time.</param>
    /// <param name="activity">What is done, for the display of progress.</param>
    /// <param name="make">Makes one of the given name; a name that was found free and is taken by now is replaced by the next.</param>
    /// <param name="finish">Waits for one, while others are made.</param>
    private protected void MakeAll(
        IReadOnlyList<Making> all,
        int throttleLimit,
        string activity,
        Func<string?, IOperationObserver, CancellationToken, Task<VirtualMachine>> make,
        Func<VirtualMachine, IOperationObserver, CancellationToken, Task<VirtualMachine>> finish)
    {
        if (all.Count == 0)
        {
            return;
        }

        try
        {
            foreach (Outcome<Making> outcome in InOrder(all, Enumerate((observer, token) => RunAsync(all, throttleLimit, activity, make, finish, observer, token))))
            {
                // From here on it is the user's, even if the wait ran out: then to look at.
                HandOut(outcome.Target.Machine);
                if (outcome.Failure is { } failure)
                {
                    WriteError(ErrorRecords.From(failure, outcome.Target.Machine ?? outcome.Target.Target));
                }
                else
                {
                    WriteObject(outcome.Item);
                }
            }
        }
        finally
        {
            TakeBack();
        }
    }

    private async IAsyncEnumerable<Outcome<Making>> RunAsync(
        IReadOnlyList<Making> all,
        int throttleLimit,
        string activity,
        Func<string?, IOperationObserver, CancellationToken, Task<VirtualMachine>> make,
        Func<VirtualMachine, IOperationObserver, CancellationToken, Task<VirtualMachine>> finish,
        IOperationObserver observer,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using SemaphoreSlim places = new(throttleLimit);
        IOperationObserver each = all.Count == 1 ? observer : new UnitObserver(observer);
        int done = 0;

        async Task WorkAsync(Making making, Func<object, Task> emit, CancellationToken token)
        {
            await places.WaitAsync(token);
            try
            {
                making.Machine = await MakeAsync(making, make, each, token);
                lock (pending)
                {
                    pending.Add(making.Machine);
                }
            }
            finally
            {
                places.Release();
            }

            await emit(await finish(making.Machine, each, token));
        }

        await foreach (Outcome<Making> outcome in FanOut.RunAsync(all, all.Count, WorkAsync, cancellationToken))
        {
            done++;
            if (all.Count > 1)
            {
                observer.Progress(new OperationProgress(activity, $"{done} of {all.Count}", 100 * done / all.Count));
            }

            yield return outcome;
        }
    }

    private static async Task<VirtualMachine> MakeAsync(
        Making making, Func<string?, IOperationObserver, CancellationToken, Task<VirtualMachine>> make, IOperationObserver observer, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                return await make(making.Name, observer, cancellationToken);
            }
            catch (MicroVmException exception) when (exception.ErrorId == ErrorIds.MicroVmAlreadyExists && making.TakeNextName())
            {
                // Another process took the name since it was seen free.
            }
        }
    }

    private static IEnumerable<Outcome<Making>> InOrder(IReadOnlyList<Making> all, IEnumerable<Outcome<Making>> outcomes)
    {
        Dictionary<Making, Outcome<Making>> early = [];
        int next = 0;
        foreach (Outcome<Making> outcome in outcomes)
        {
            early.Add(outcome.Target, outcome);
            while (next < all.Count && early.Remove(all[next], out Outcome<Making>? due))
            {
                next++;
                yield return due;
            }
        }
    }

    private void HandOut(VirtualMachine? machine)
    {
        lock (pending)
        {
            pending.RemoveAll(made => made.Id == machine?.Id);
        }
    }

    private void TakeBack()
    {
        VirtualMachine[] left;
        lock (pending)
        {
            left = [.. pending];
            pending.Clear();
        }

        if (left.Length > 0)
        {
            CleanUp(token => Task.WhenAll(left.Select(vm => Engine.RemoveAsync(vm.Id, force: true, NullObserver.Instance, token))));
        }
    }

    /// <summary>A VM that is to be made.</summary>
    /// <param name="name">Its name, or null for one that the engine makes.</param>
    /// <param name="target">What an error is about.</param>
    /// <param name="numbers">Where another name comes from if it is taken, or null.</param>
    private protected sealed class Making(string? name, object target, NumberedNames? numbers)
    {
        /// <summary>Its name.</summary>
        public string? Name { get; private set; } = name;

        /// <summary>What an error is about.</summary>
        public object Target { get; } = target;

        /// <summary>The VM, once it is made.</summary>
        public VirtualMachine? Machine { get; set; }

        /// <summary>Takes another name; false where no other would do.</summary>
        public bool TakeNextName()
        {
            Name = numbers?.Next() ?? Name;
            return numbers is not null;
        }
    }

    /// <summary>What one of several operations says; its own progress would only flicker.</summary>
    private sealed class UnitObserver(IOperationObserver all) : IOperationObserver
    {
        public void Progress(OperationProgress progress)
        {
        }

        public void Verbose(string message) => all.Verbose(message);

        public void Warning(string message) => all.Warning(message);
    }
}
