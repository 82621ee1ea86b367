using System.Globalization;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Guest;
using MicroVm.Engine.Native;
using MicroVm.Engine.State;

namespace MicroVm.Engine.Machines;

/// <summary>Waits for guests and states; holds no lock while it waits.</summary>
internal static class WaitPlan
{
    private const int LastLines = 3;

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

        if (run.ReadyAtStart)
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
        if (!run.Process.IsAlive)
        {
            VirtualMachine now = MachineView.Of(context, Read(context, id));
            throw new MicroVmException(
                ErrorIds.HypervisorExited,
                ErrorKind.ResourceUnavailable,
                $"VM '{record.Name}' ended before it was ready ({now.LastExit ?? "exit status unknown"}). {last}")
            {
                Target = record.Name,
                RecommendedAction = $"Get-MicroVmLog {record.Name} shows its console.",
            };
        }

        throw TimedOut(record.Name, "ready", timeout, $"{last}");
    }

    /// <summary>Waits until the VM is in a state.</summary>
    public static async Task<VirtualMachine> StateAsync(
        EngineContext context, Guid id, VmState wanted, TimeSpan timeout, IOperationObserver observer, CancellationToken cancellationToken)
    {
        long deadline = Environment.TickCount64 + (long)timeout.TotalMilliseconds;
        string name = Read(context, id).Name;
        observer.Progress(new OperationProgress($"Waiting for {name}", $"Until it is {wanted}"));
        using FileWatch watch = new(context.Machines.DirectoryOf(id));
        while (true)
        {
            watch.Clear();
            MachineRecord record = Read(context, id);
            using ProcessDescriptor? process = record.Run is { } run ? Isolation.VmmProcess.Open(run.Process) : null;
            VirtualMachine now = MachineView.Of(context, record);
            if (now.State == wanted)
            {
                return now;
            }

            TimeSpan left = TimeSpan.FromMilliseconds(deadline - Environment.TickCount64);
            if (left <= TimeSpan.Zero)
            {
                throw TimedOut(name, wanted.ToString(), timeout, $"It is {now.State}.");
            }

            await Task.Run(
                () => process is null
                    ? Polling.WaitAny(left, cancellationToken, watch.Handle)
                    : Polling.WaitAny(left, cancellationToken, watch.Handle, process.Handle),
                cancellationToken);
        }
    }

    private static MachineRecord Read(EngineContext context, Guid id) => context.Machines.Read(id) ?? throw EngineContext.NotFound(id);

    private static MicroVmException TimedOut(string name, string what, TimeSpan timeout, string now) => new(
        ErrorIds.MicroVmTimeout,
        ErrorKind.Timeout,
        string.Create(CultureInfo.InvariantCulture, $"VM '{name}' was not {what} within {timeout.TotalSeconds:0.#} s. {now}"))
    {
        Target = name,
        RecommendedAction = "Wait longer (-TimeoutSeconds), or look at its console (Get-MicroVmLog).",
    };
}
