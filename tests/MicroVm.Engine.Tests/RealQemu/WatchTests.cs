using MicroVm.Engine.Machines;
using MicroVm.Engine.Native;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.RealQemu;

public sealed class WatchTests(QemuHome home) : QemuTests(home)
{
    [QemuFact]
    public async Task The_life_of_a_VM_is_told_in_order()
    {
        await using IAsyncEnumerator<MachineChange> changes = Engine.WatchAsync(CancellationToken.None).GetAsyncEnumerator();
        List<string> told = [];
        Task<bool>? next = changes.MoveNextAsync().AsTask();

        VirtualMachine machine = await Engine.CreateAsync(QemuHome.Small with { Name = "web" }, start: true, Silent, CancellationToken.None);
        await UntilAsync(VmState.Running);
        await Engine.SuspendAsync(machine.Id, Silent, CancellationToken.None);
        await UntilAsync(VmState.Paused);
        await Engine.ResumeAsync(machine.Id, Silent, CancellationToken.None);
        await UntilAsync(VmState.Running);
        using (ProcessDescriptor process = ProcessDescriptor.TryOpen(machine.ProcessId!.Value)!)
        {
            process.Signal(Signals.Kill);
        }

        MachineChange killed = await UntilAsync(VmState.Failed);
        Assert.Equal("signal SIGKILL", killed.VM.LastExit);
        await Home.RemoveAsync(machine);
        MachineChange removed = await UntilAsync(VmState.Failed);
        Assert.True(removed.IsRemoved);

        Assert.Equal(["-Starting", "Starting-Running", "Running-Paused", "Paused-Running", "Running-Failed", "Failed-Failed"], told);

        async Task<MachineChange> UntilAsync(VmState state)
        {
            while (true)
            {
                next ??= changes.MoveNextAsync().AsTask();
                Assert.True(await next.Within($"{state} after {string.Join(", ", told)}"));
                next = null;
                MachineChange change = changes.Current;
                Assert.Equal("web", change.VM.Name);
                told.Add($"{change.PreviousState}-{change.VM.State}");
                if (change.VM.State == state)
                {
                    return change;
                }
            }
        }
    }
}
