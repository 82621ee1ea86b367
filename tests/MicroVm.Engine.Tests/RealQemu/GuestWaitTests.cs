using MicroVm.Engine.Errors;
using MicroVm.Engine.Guest.Agent;
using MicroVm.Engine.Machines;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.RealQemu;

/// <summary>Waits for what is true of a guest.</summary>
public sealed class GuestWaitTests(QemuHome home) : QemuTests(home)
{
    private static readonly TimeSpan s_long = TimeSpan.FromSeconds(90);
    private static readonly TimeSpan s_short = TimeSpan.FromSeconds(1.5);

    [QemuFact]
    public async Task The_agent_of_a_guest_that_boots_is_waited_for()
    {
        VirtualMachine machine = await BootAsync();

        Assert.Equal(VmState.Running, (await Engine.WaitAgentAsync(machine.Id, s_long, Silent, CancellationToken.None)).State);

        Assert.Equal("hello", await new Commands(Engine, machine).AskAsync("echo hello"));
    }

    [QemuFact]
    public async Task A_VM_that_is_turned_off_meanwhile_ends_the_wait_at_once()
    {
        VirtualMachine machine = await BootAsync();
        Task<VirtualMachine> wait = Engine.WaitPortAsync(machine.Id, 8080, s_long, Silent, CancellationToken.None);

        await Home.StopAsync(machine, StopMode.TurnOff);

        Assert.Equal(ErrorIds.HypervisorExited, (await Assert.ThrowsAsync<MicroVmException>(() => wait.Within("the wait to fail"))).ErrorId);
    }

    [QemuFact]
    public async Task A_guest_that_powers_off_meanwhile_ends_the_wait_at_once()
    {
        VirtualMachine machine = await Home.CloneAsync("web");
        await new Commands(Engine, machine).AskAsync(":");
        Task<VirtualMachine> wait = Engine.WaitPortAsync(machine.Id, 8080, s_long, Silent, CancellationToken.None);

        await new Guest(machine).AskAsync("(usleep 300000; poweroff -f) & echo so''on", "soon");

        Assert.Equal(ErrorIds.HypervisorExited, (await Assert.ThrowsAsync<MicroVmException>(() => wait.Within("the wait to fail"))).ErrorId);
    }

    [QemuFact]
    public async Task A_guest_without_agent_is_told_within_the_limit()
    {
        VirtualMachine machine = await Home.CloneAsync("web");
        await new Commands(Engine, machine).AskAsync(":");
        await new Commands(Engine, machine).ReplaceAgentAsync("");

        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(
            () => Engine.WaitAgentAsync(machine.Id, s_short, Silent, CancellationToken.None).Within("the limit"));

        Assert.Equal(ErrorIds.MicroVmTimeout, error.ErrorId);
    }

    [QemuFact]
    public async Task The_limit_holds_while_another_has_the_turn()
    {
        VirtualMachine machine = await Home.CloneAsync("web");
        using AgentTurn held = await AgentTurn.TakeAsync(Path.GetDirectoryName(machine.SerialSocketPath!)!, CancellationToken.None);

        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(
            () => Engine.WaitAgentAsync(machine.Id, s_short, Silent, CancellationToken.None).Within("the limit"));

        Assert.Equal(ErrorIds.MicroVmTimeout, error.ErrorId);
    }

    [QemuFact]
    public async Task A_port_is_waited_for_until_something_listens_on_it()
    {
        VirtualMachine machine = await Home.CloneAsync("web");
        Commands commands = new(Engine, machine);
        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(
            () => Engine.WaitPortAsync(machine.Id, 8080, TimeSpan.FromMilliseconds(100), Silent, CancellationToken.None));
        Assert.Equal(ErrorIds.MicroVmTimeout, error.ErrorId);
        Task<VirtualMachine> wait = Engine.WaitPortAsync(machine.Id, 8080, s_long, Silent, CancellationToken.None);

        // Another port, and then this one.
        await commands.AskAsync("nc -l -p 808 >/dev/null 2>&1 </dev/null & until grep -q ':0328 .* 0A ' /proc/net/tcp /proc/net/tcp6 2>/dev/null; do usleep 1000; done");
        Assert.False(wait.IsCompleted);
        await commands.AskAsync("nc -l -p 8080 >/dev/null 2>&1 </dev/null &");

        Assert.Equal(VmState.Running, (await wait.Within("the port")).State);
    }

    [QemuFact]
    public async Task A_guest_without_a_network_is_told_when_the_limit_is_over()
    {
        VirtualMachine machine = await Home.CloneAsync("web");

        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(
            () => Engine.WaitNetworkAsync(machine.Id, s_short, Silent, CancellationToken.None));

        Assert.Equal(ErrorIds.MicroVmTimeout, error.ErrorId);
        Assert.Contains("on a network", error.Message, StringComparison.Ordinal);
    }

    [QemuFact]
    public async Task Waits_leave_nothing_open_in_the_agent()
    {
        VirtualMachine machine = await Home.CloneAsync("web");
        Commands commands = new(Engine, machine);
        string before = await commands.ListAgentFilesAsync();
        for (int milliseconds = 1; milliseconds < 40; milliseconds++)
        {
            using CancellationTokenSource source = new(milliseconds);
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Engine.WaitPortAsync(machine.Id, 8080, s_long, Silent, source.Token));
        }

        // What it opens for a moment, for an answer or its state, may be seen once; what stays is seen each time.
        List<string> more = [];
        for (int tries = 0; tries < 10; tries++)
        {
            more = [.. (await commands.ListAgentFilesAsync()).Split('\n')];
            foreach (string file in before.Split('\n'))
            {
                more.Remove(file);
            }

            if (more.Count == 0)
            {
                break;
            }
        }

        Assert.Empty(more);
    }

    [QemuFact]
    public async Task The_end_is_waited_for_however_it_comes()
    {
        VirtualMachine machine = await Home.CloneAsync("web");
        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(
            () => Engine.WaitExitAsync(machine.Id, TimeSpan.FromMilliseconds(50), Silent, CancellationToken.None));
        Assert.Equal(ErrorIds.MicroVmTimeout, error.ErrorId);
        Task<VirtualMachine> wait = Engine.WaitExitAsync(machine.Id, s_long, Silent, CancellationToken.None);

        await new Guest(machine).AskAsync("(usleep 300000; poweroff -f) & echo so''on", "soon");

        Assert.Null((await wait.Within("the end")).ProcessId);
    }

    private Task<VirtualMachine> BootAsync() => Engine.CreateAsync(QemuHome.Small with { Name = "web" }, start: true, Silent, CancellationToken.None);
}
