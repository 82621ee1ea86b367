using MicroVm.Engine.Errors;
using MicroVm.Engine.Guest.Agent;
using MicroVm.Engine.Machines;
using MicroVm.Engine.Native;
using MicroVm.Engine.Snapshots;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.RealQemu;

/// <summary>What can go wrong between host and agent, with a real guest.</summary>
public sealed class AgentFaultTests(QemuHome home) : QemuTests(home)
{
    private const string UntilGo = "echo begun; until [ -e /run/go ]; do usleep 10000; done; echo over";

    // No command's own limit, but what the test's may not exceed.
    private static readonly TimeSpan s_long = TimeSpan.FromSeconds(90);

    [QemuFact]
    public async Task An_agent_that_is_killed_while_a_command_runs_fails_it_and_leaves_nothing_of_it()
    {
        (VirtualMachine _, Commands commands) = await CloneAsync();
        Task<CommandResult> running = await commands.StartAsync("echo begun; sleep 4321");

        await commands.KillAgentAsync();

        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(() => running.WaitAsync(s_long));
        Assert.Contains(error.ErrorId, (string[])[ErrorIds.GuestAgentError, ErrorIds.GuestAgentUnavailable]);
        Assert.Equal("again", await commands.AskAsync("echo again"));
        if (error.ErrorId == ErrorIds.GuestAgentError)
        {
            Assert.Equal("", await commands.AskAsync("ps | grep 'sleep [4]321' || true"));
        }
    }

    [QemuFact]
    public async Task An_agent_that_dies_in_the_middle_of_a_call_is_told_and_the_next_command_works()
    {
        (VirtualMachine machine, Commands commands) = await CloneAsync();
        await commands.AskAsync(":");

        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(() => AgentOf(machine).UseAsync<bool>(
            async agent =>
            {
                long handle = await agent.OpenFileAsync("/dev/zero", "r", CancellationToken.None);
                await agent.ExecuteAsync("/bin/sh", ["-c", "kill -9 $PPID"], default, CancellationToken.None);
                while (true)
                {
                    await agent.CallAsync(AgentCalls.ReadFile(handle, 1), TimeSpan.FromSeconds(3), CancellationToken.None);
                }
            },
            CancellationToken.None,
            s_long));

        // It died with the call, or between two: its successor knows no such file.
        Assert.Contains(error.ErrorId, (string[])[ErrorIds.GuestAgentUnavailable, ErrorIds.GuestAgentError]);
        Assert.Equal("again", await commands.AskAsync("echo again"));
    }

    [QemuFact]
    public async Task An_agent_that_is_gone_for_good_is_told_within_the_limit()
    {
        (VirtualMachine machine, Commands commands) = await CloneAsync();
        await commands.ReplaceAgentAsync("");

        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(() => AgentOf(machine).UseAsync(
            _ => Task.FromResult(true), CancellationToken.None, TimeSpan.FromMilliseconds(500)));

        Assert.Equal(ErrorIds.GuestAgentUnavailable, error.ErrorId);
        Assert.Contains("0.5 s", error.Message, StringComparison.Ordinal);
    }

    [QemuFact]
    public async Task An_agent_that_may_not_run_programs_is_told_with_advice()
    {
        (VirtualMachine _, Commands commands) = await CloneAsync();
        await commands.ReplaceAgentAsync($"{Commands.Agent} -b guest-exec &");

        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(() => commands.AskAsync("echo no"));

        Assert.Equal(ErrorIds.GuestAgentCommandBlocked, error.ErrorId);
        Assert.Contains("'guest-exec'", error.Message, StringComparison.Ordinal);
        Assert.Contains("'guest-exec'", error.RecommendedAction, StringComparison.Ordinal);
    }

    [QemuTheory]
    [InlineData("yes", "yes >$port 2>/dev/null &")]
    [InlineData("cat", "cat /dev/urandom >$port 2>/dev/null &")]
    public async Task Endless_garbage_in_the_port_is_told_and_when_it_stops_commands_work_again(string program, string command)
    {
        (VirtualMachine machine, Commands commands) = await CloneAsync();
        await commands.ReplaceAgentAsync(command);

        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(
            () => AgentOf(machine).UseAsync(_ => Task.FromResult(true), CancellationToken.None, TimeSpan.FromSeconds(15)));

        Assert.Equal(ErrorIds.GuestAgentError, error.ErrorId);
        await commands.StartAgentAsync(program);
        Assert.Equal("again", await commands.AskAsync("echo again"));
    }

    [QemuFact]
    public async Task A_command_stands_still_with_its_VM_and_goes_on_with_it()
    {
        (VirtualMachine machine, Commands commands) = await CloneAsync();
        Task<CommandResult> running = await commands.StartAsync(UntilGo);

        await Engine.SuspendAsync(machine.Id, Silent, CancellationToken.None);
        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(() => commands.AskAsync("echo no"));
        Assert.Equal(ErrorIds.InvalidMicroVmState, error.ErrorId);
        Assert.False(running.IsCompleted);
        await Engine.ResumeAsync(machine.Id, Silent, CancellationToken.None);

        await commands.AskAsync("touch /run/go");
        Assert.Equal("begun\nover\n", (await running.Within("the command to go on")).Text);
    }

    [QemuFact]
    public async Task A_VMM_that_is_killed_ends_its_commands_at_once()
    {
        (VirtualMachine machine, Commands commands) = await CloneAsync();
        Task<CommandResult> running = await commands.StartAsync("echo begun; sleep 4321");
        using ProcessDescriptor process = ProcessDescriptor.TryOpen(machine.ProcessId!.Value)!;

        process.Signal(Signals.Kill);

        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(() => running.Within("the command to fail"));
        Assert.Equal(ErrorIds.GuestAgentUnavailable, error.ErrorId);
    }

    [QemuFact]
    public async Task A_VM_that_is_removed_ends_its_commands_at_once()
    {
        (VirtualMachine machine, Commands commands) = await CloneAsync();
        Task<CommandResult> running = await commands.StartAsync("echo begun; sleep 4321");

        await Home.RemoveAsync(machine);

        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(() => running.Within("the command to fail"));
        Assert.Equal(ErrorIds.GuestAgentUnavailable, error.ErrorId);
    }

    [QemuFact]
    public async Task A_snapshot_of_a_VM_that_runs_a_command_has_the_command_and_an_agent_that_answers()
    {
        (VirtualMachine machine, Commands commands) = await CloneAsync();
        Task<CommandResult> running = await commands.StartAsync(
            "echo begun; i=0; until [ -e /run/go ]; do i=$((i+1)); echo $i >/run/new; mv /run/new /run/count; usleep 10000; done; echo over");

        Snapshot snapshot = await Home.SaveAsync(machine, "busy");
        Commands inClone = new(Engine, await Home.RestoreAsync(snapshot, "clone"));

        const string HasGoneOn = "a=$(cat /run/count); until [ \"$(cat /run/count)\" -gt \"$a\" ]; do usleep 1000; done; echo on";
        Assert.Equal("on", await inClone.AskAsync(HasGoneOn).Within("the clone's command to go on"));
        Assert.Equal("on", await commands.AskAsync(HasGoneOn).Within("the command to go on"));
        await commands.AskAsync("touch /run/go");
        Assert.Equal("begun\nover\n", (await running.Within("the command to end")).Text);
    }

    [QemuFact]
    public async Task Two_engines_run_commands_in_one_VM_at_the_same_time()
    {
        (VirtualMachine machine, Commands _) = await CloneAsync();
        using System.Diagnostics.Process other = OtherEngine.Start("commands", Home.Path, machine.Id.ToString(), "other", "50");
        try
        {
            await EngineProgram.RunCommandsAsync(Engine, machine.Id, "mine", 50);
            Assert.Equal("done", await other.StandardOutput.ReadLineAsync().Within("the other process to be done"));
        }
        finally
        {
            other.Kill();
            await other.WaitForExitAsync().Within("the other process to end");
        }
    }

    private GuestAgent AgentOf(VirtualMachine machine) => GuestAccess.Open(Home.Context, machine.Id, "to be spoken with");

    private async Task<(VirtualMachine Machine, Commands Commands)> CloneAsync()
    {
        VirtualMachine machine = await Home.CloneAsync("web");
        // Until the agent has been started.
        await Engine.WaitAgentAsync(machine.Id, s_long, Silent, CancellationToken.None);
        return (machine, new Commands(Engine, machine));
    }
}
