using System.Globalization;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Guest;
using MicroVm.Engine.Isolation;
using MicroVm.Engine.Native;
using MicroVm.Engine.State;
using MicroVm.Engine.Vmm;

namespace MicroVm.Engine.Machines;

/// <summary>The ladder down: ask the guest, VMM quit, SIGTERM, SIGKILL.</summary>
internal static class StopPlan
{
    // A VMM has nothing to save when it is told to end.
    private static readonly TimeSpan s_rungLimit = TimeSpan.FromSeconds(2);

    // A guest whose power button handler is not up yet loses the first press.
    private static readonly TimeSpan s_pressInterval = TimeSpan.FromSeconds(2);

    // A VMM that has not answered by then hangs.
    private static readonly TimeSpan s_answerLimit = TimeSpan.FromSeconds(20);

    // A shell reaps its children at once, unless it is stopped itself; how a VMM ended that was to end is no more than good to know.
    private static readonly TimeSpan s_reapLimit = TimeSpan.FromMilliseconds(250);

    /// <summary>Stops a VM.</summary>
    public static async Task<VirtualMachine> StopAsync(
        EngineContext context, Guid id, StopMode mode, TimeSpan timeout, IOperationObserver observer, CancellationToken cancellationToken)
    {
        const string Operation = "Stop-MicroVm";
        VirtualMachine seen = MachineView.Find(context, id) ?? throw EngineContext.NotFound(id);
        using LockedMachine? machine = mode == StopMode.Graceful
            ? await context.OpenAsync(id, Operation)
            : await context.OpenEndingAsync(id, Operation, cancellationToken);
        if (machine is null)
        {
            return MachineView.OfEnded(seen);
        }

        if (machine.Record.Run is not { } run)
        {
            return machine.View;
        }

        PhaseTimer timer = new(observer, $"Stop {machine.Record.Name}");
        await StopAsync(context, machine, run, mode, timeout, timer, observer, cancellationToken);
        timer.Done();
        return machine.View;
    }

    /// <summary>Stops a VM whose lock the caller holds. When this fails or is cancelled, it runs on.</summary>
    public static async Task StopAsync(
        EngineContext context,
        LockedMachine machine,
        MachineRun run,
        StopMode mode,
        TimeSpan timeout,
        PhaseTimer timer,
        IOperationObserver observer,
        CancellationToken cancellationToken)
    {
        bool stopped = false;
        // Opened while it lives: only then does it tell how it ended.
        using ProcessDescriptor? process = VmmProcess.Open(run.Process);
        if (mode != StopMode.TurnOff)
        {
            stopped = await AskGuestAsync(context, machine, run, mode, timeout, observer, cancellationToken);
            timer.Mark("guest");
        }

        if (!stopped)
        {
            machine.TrySave(machine.Record with { State = VmState.Stopping }, observer);
            Failpoint.Reach(Failpoints.StopMarked);
            await EndVmmAsync(machine.Driver, run);
            timer.Mark("VMM");
        }

        Failpoint.Reach(Failpoints.StopEnded);
        if (process is not null && context.Machines.ReadExit(machine.Record.Id, run.Process) is null)
        {
            // Another process's child, or nobody's.
            await ExitWitness.NoteAsync(context, machine.Record.Id, run.Process, process, s_reapLimit);
        }

        string? exit = context.Machines.ReadExit(machine.Record.Id, run.Process)?.Exit.ToString();
        machine.TrySave(
            machine.Record with { State = VmState.Stopped, StatusDetail = null, Run = null, LastExit = exit, RestoredFromSnapshotId = null }, observer);
        Failpoint.Reach(Failpoints.StopRecorded);
        RunEnd.Tidy(context, machine.Record, run);
    }

    /// <summary>Ends a VMM by quit, SIGTERM, SIGKILL.</summary>
    public static async Task EndVmmAsync(IVmmDriver driver, MachineRun run)
    {
        try
        {
            using CancellationTokenSource limit = new(s_rungLimit);
            await using IVmmConnection connection = await driver.ConnectAsync(run.RunDirectory, limit.Token);
            await connection.QuitAsync(limit.Token);
        }
        catch (Exception exception) when (exception is VmmConnectionException or OperationCanceledException or MicroVmException)
        {
            // It hangs or is gone: the next rung decides.
        }

        if (await VmmProcess.WaitForEndAsync(run.Process, s_rungLimit, CancellationToken.None))
        {
            return;
        }

        using (ProcessDescriptor? process = VmmProcess.Open(run.Process))
        {
            process?.Signal(Signals.Terminate);
        }

        if (!await VmmProcess.WaitForEndAsync(run.Process, s_rungLimit, CancellationToken.None))
        {
            await VmmProcess.KillAsync(run.Process);
        }
    }

    private static async Task<bool> AskGuestAsync(
        EngineContext context,
        LockedMachine machine,
        MachineRun run,
        StopMode mode,
        TimeSpan timeout,
        IOperationObserver observer,
        CancellationToken cancellationToken)
    {
        if (machine.Record.State == VmState.Paused)
        {
            return StandsStill(machine, mode);
        }

        long deadline = Environment.TickCount64 + (long)timeout.TotalMilliseconds;
        try
        {
            using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            limit.CancelAfter(timeout < s_rungLimit ? s_rungLimit : timeout < s_answerLimit ? timeout : s_answerLimit);
            await using IVmmConnection connection = await machine.ConnectAsync(limit.Token);
            if (machine.Record.State == VmState.Paused)
            {
                // As an operation that was interrupted has left it.
                return StandsStill(machine, mode);
            }

            while (true)
            {
                await connection.RequestPowerOffAsync(cancellationToken);
                Failpoint.Reach(Failpoints.StopAsked);
                TimeSpan left = TimeSpan.FromMilliseconds(Math.Max(0, deadline - Environment.TickCount64));
                observer.Progress(new OperationProgress($"Stopping {machine.Record.Name}", "Waiting for the guest to power off"));
                if (await VmmProcess.WaitForEndAsync(run.Process, left < s_pressInterval ? left : s_pressInterval, cancellationToken))
                {
                    return true;
                }

                if (left <= s_pressInterval)
                {
                    break;
                }
            }
        }
        catch (Exception exception) when (exception is VmmConnectionException or MicroVmException { ErrorId: ErrorIds.HypervisorExited })
        {
            // The guest was quicker than the question.
            return await VmmProcess.WaitForEndAsync(run.Process, s_rungLimit, cancellationToken);
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested
            && exception is OperationCanceledException or MicroVmException { ErrorId: ErrorIds.MicroVmTimeout })
        {
            // A VMM that hangs passes nothing on to its guest.
        }

        return mode == StopMode.GracefulThenForce
            ? false
            : throw new MicroVmException(
                ErrorIds.MicroVmTimeout,
                ErrorKind.Timeout,
                string.Create(CultureInfo.InvariantCulture, $"The guest of VM '{machine.Record.Name}' did not power off within {timeout.TotalSeconds:0.#} s; it still runs."))
            {
                Target = machine.Record.Name,
                RecommendedAction =
                    $"Wait longer (-TimeoutSeconds), or use -Force. {LogFile.LastSaid(context.Machines.SerialLogOf(machine.Record.Id), 1)}",
            };
    }

    // A guest that stands still cannot answer.
    private static bool StandsStill(LockedMachine machine, StopMode mode) => mode == StopMode.GracefulThenForce
        ? false
        : throw new MicroVmException(
            ErrorIds.InvalidMicroVmState,
            ErrorKind.InvalidState,
            $"VM '{machine.Record.Name}' is Paused; its guest cannot shut down. It must be Running, or be turned off.")
        {
            Target = machine.Record.Name,
            RecommendedAction = $"Resume-MicroVm {machine.Record.Name} first, or use Stop-MicroVm -TurnOff.",
        };
}
