using System.Globalization;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Guest;
using MicroVm.Engine.Guest.Agent;
using MicroVm.Engine.Native;
using MicroVm.Engine.State;

namespace MicroVm.Engine.Machines;

/// <summary>Waits for guests and states; holds no lock while it waits.</summary>
internal static class WaitPlan
{
    private const int LastLines = 3;

    private static readonly TimeSpan s_shortestPause = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan s_longestPause = TimeSpan.FromMilliseconds(250);

    // Even a wait of no time gives an agent the time to answer.
    private static readonly TimeSpan s_lookOnce = TimeSpan.FromSeconds(1);

    /// <summary>Waits until the guest has written its ready marker.</summary>
    public static async Task<VirtualMachine> ReadyAsync(
        EngineContext context, Guid id, TimeSpan timeout, IOperationObserver observer, CancellationToken cancellationToken)
    {
        MachineRecord record = Read(context, id);
        if (record.Run is not { } run || MachineView.Of(context, record).ProcessId is null)
        {
            VirtualMachine now = MachineView.Of(context, record);
            throw new MicroVmException(
                ErrorIds.InvalidMicroVmState, ErrorKind.InvalidState, $"VM '{record.Name}' is {now.State}; to become ready, it must be Running.")
            {
                Target = record.Name,
                RecommendedAction = now.StatusDetail ?? "Start-MicroVm boots it.",
            };
        }

        if (run.ReadyAtStart || context.Machines.WasNotedReady(id, run))
        {
            return MachineView.Of(context, record);
        }

        string marker = record.Boot.ReadyMarker ?? throw new MicroVmException(
            ErrorIds.NoReadyMarker, ErrorKind.NotSupported, $"What VM '{record.Name}' boots has no ready marker to wait for.")
        {
            Target = record.Name,
            RecommendedAction = "Wait for a state (Wait-MicroVm -State), or read its console (Get-MicroVmLog -Wait).",
        };
        observer.Progress(new OperationProgress($"Waiting for {record.Name}", "The guest boots"));
        PhaseTimer timer = new(observer, $"Wait {record.Name}");
        string log = context.Machines.SerialLogOf(id);
        if (await LogFile.WaitForAsync(log, run.SerialLogOffset, marker, run.Process, timeout, cancellationToken))
        {
            timer.Mark("ready");
            return MachineView.Of(context, Read(context, id));
        }

        string last = LogFile.LastSaid(log, LastLines);
        throw run.Process.IsAlive ? TimedOut(record.Name, "ready", timeout, last) : Ended(context, record, "ready", last);
    }

    /// <summary>Waits until something is true of a guest, as its agent says.</summary>
    /// <param name="context">The engine.</param>
    /// <param name="id">The VM.</param>
    /// <param name="condition">Asks the agent; and what the guest was not when the time is up.</param>
    /// <param name="timeout">The limit.</param>
    /// <param name="observer">Hears what is waited for.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public static async Task<VirtualMachine> GuestAsync(
        EngineContext context, Guid id, GuestCondition condition, TimeSpan timeout, IOperationObserver observer, CancellationToken cancellationToken)
    {
        long deadline = Environment.TickCount64 + (long)timeout.TotalMilliseconds;
        GuestAgent agent = GuestAccess.Open(context, id, "to be waited for");
        MachineRecord record = Read(context, id);
        observer.Progress(new OperationProgress($"Waiting for {record.Name}", $"Until it is {condition.Name}"));
        TimeSpan pause = s_shortestPause;
        while (true)
        {
            TimeSpan left = TimeSpan.FromMilliseconds(deadline - Environment.TickCount64);
            try
            {
                // What is asked before the agent runs waits for it: so for an agent alone one question will do.
                if (await agent.UseAsync(connection => condition.IsTrueAsync(connection, cancellationToken), cancellationToken, left > s_lookOnce ? left : s_lookOnce))
                {
                    return MachineView.Of(context, Read(context, id));
                }
            }
            catch (MicroVmException exception) when (exception.ErrorId == ErrorIds.GuestAgentUnavailable)
            {
                string last = LogFile.LastSaid(context.Machines.SerialLogOf(id), LastLines);
                throw await HasEndedAsync(record, exception, cancellationToken)
                    ? Ended(context, record, condition.Name, last, exception)
                    : TimedOut(record.Name, condition.Name, timeout, exception.Message, exception);
            }

            if (left <= pause)
            {
                throw TimedOut(record.Name, condition.Name, timeout, "Its agent answers.");
            }

            await Task.Delay(pause, cancellationToken);
            pause = Pauses.After(pause, s_longestPause);
        }
    }

    /// <summary>Waits until the VM has no VMM any more.</summary>
    public static Task<VirtualMachine> ExitAsync(
        EngineContext context, Guid id, TimeSpan timeout, IOperationObserver observer, CancellationToken cancellationToken) =>
        UntilAsync(context, id, "gone", now => now.ProcessId is null, timeout, observer, cancellationToken);

    /// <summary>Waits until the VM is in a state.</summary>
    public static Task<VirtualMachine> StateAsync(
        EngineContext context, Guid id, VmState wanted, TimeSpan timeout, IOperationObserver observer, CancellationToken cancellationToken) =>
        UntilAsync(context, id, wanted.ToString(), now => now.State == wanted, timeout, observer, cancellationToken);

    private static async Task<VirtualMachine> UntilAsync(
        EngineContext context,
        Guid id,
        string what,
        Func<VirtualMachine, bool> isTrue,
        TimeSpan timeout,
        IOperationObserver observer,
        CancellationToken cancellationToken)
    {
        long deadline = Environment.TickCount64 + (long)timeout.TotalMilliseconds;
        string name = Read(context, id).Name;
        observer.Progress(new OperationProgress($"Waiting for {name}", $"Until it is {what}"));
        using FileWatch watch = new(context.Machines.DirectoryOf(id));
        while (true)
        {
            watch.Clear();
            MachineRecord record = Read(context, id);
            using ProcessDescriptor? process = record.Run is { } run ? Isolation.VmmProcess.Open(run.Process) : null;
            VirtualMachine now = MachineView.Of(context, record);
            if (isTrue(now))
            {
                return now;
            }

            TimeSpan left = TimeSpan.FromMilliseconds(deadline - Environment.TickCount64);
            if (left <= TimeSpan.Zero)
            {
                throw TimedOut(name, what, timeout, $"It is {now.State}.");
            }

            await Task.Run(
                () => process is null
                    ? Polling.WaitAny(left, cancellationToken, watch.Handle)
                    : Polling.WaitAny(left, cancellationToken, watch.Handle, process.Handle),
                cancellationToken);
        }
    }

    private static MachineRecord Read(EngineContext context, Guid id) => context.Machines.Read(id) ?? throw EngineContext.NotFound(id);

    // A channel is closed a little before its process is gone.
    private static async Task<bool> HasEndedAsync(MachineRecord record, MicroVmException failure, CancellationToken cancellationToken) =>
        record.Run is not { } run
        || !run.Process.IsAlive
        || (failure.InnerException is IOException && await Isolation.VmmProcess.WaitForEndAsync(run.Process, s_lookOnce, cancellationToken));

    private static MicroVmException Ended(EngineContext context, MachineRecord record, string what, string last, Exception? cause = null) => new(
        ErrorIds.HypervisorExited,
        ErrorKind.ResourceUnavailable,
        $"VM '{record.Name}' ended before it was {what} ({MachineView.Of(context, Read(context, record.Id)).LastExit ?? "exit status unknown"}). {last}",
        cause)
    {
        Target = record.Name,
        RecommendedAction = $"Get-MicroVmLog {record.Name} shows its console.",
    };

    private static MicroVmException TimedOut(string name, string what, TimeSpan timeout, string now, Exception? cause = null) => new(
        ErrorIds.MicroVmTimeout,
        ErrorKind.Timeout,
        string.Create(CultureInfo.InvariantCulture, $"VM '{name}' was not {what} within {timeout.TotalSeconds:0.#} s. {now}"),
        cause)
    {
        Target = name,
        RecommendedAction = "Wait longer (-TimeoutSeconds), or look at its console (Get-MicroVmLog).",
    };
}
