using System.Globalization;
using System.Security.Cryptography;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Guest.Commands;
using MicroVm.Engine.Machines;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.RealQemu;

/// <summary>That commands pass what they are given whole, and leave nothing: in the guest, in its agent, on the host.</summary>
public sealed class CommandLeakTests(QemuHome home) : QemuTests(home)
{
    private static readonly TimeSpan s_long = TimeSpan.FromSeconds(90);

    [QemuFact]
    public async Task Every_byte_passes_in_both_directions()
    {
        Commands commands = await CloneAsync();
        byte[] all = [.. Enumerable.Range(0, 1024).Select(i => (byte)(i ^ (i >> 8)))];

        CommandResult result = await commands.RunAsync(new GuestCommand { Script = "cat >/run/all; cat /run/all; cat /run/all >&2", Input = all });

        Assert.Equal(all, result.Output);
        Assert.Equal(all, result.Errors);
    }

    [QemuFact]
    public async Task Five_megabytes_of_input_arrive_whole()
    {
        Commands commands = await CloneAsync();
        string before = await commands.ListAgentFilesAsync();
        byte[] input = new byte[5 << 20];
        new Random(5).NextBytes(input);

        CommandResult result = await commands.RunAsync(new GuestCommand { FilePath = "sha256sum", Input = input });

        Assert.StartsWith(Convert.ToHexStringLower(SHA256.HashData(input)), result.Text, StringComparison.Ordinal);
        await AssertNothingLeftAsync(commands, before);
    }

    [QemuFact]
    public async Task A_command_that_is_cancelled_while_it_writes_leaves_nothing()
    {
        Commands commands = await CloneAsync();
        string before = await commands.ListAgentFilesAsync();
        for (int i = 0; i < 5; i++)
        {
            using CancellationTokenSource source = new();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(
                () => commands.RunAsync(new GuestCommand { FilePath = "yes" }, _ => source.CancelAsync(), source.Token).Within("the command to be ended"));
        }

        await AssertNothingLeftAsync(commands, before);
        Assert.Equal("none", await commands.AskAsync("pidof yes || echo none"));
    }

    [QemuFact]
    public async Task A_command_that_is_cancelled_at_any_moment_leaves_nothing()
    {
        Commands commands = await CloneAsync();
        string before = await commands.ListAgentFilesAsync();
        for (int microseconds = 200; microseconds < 200_000; microseconds = microseconds * 5 / 4)
        {
            using CancellationTokenSource source = new(TimeSpan.FromMicroseconds(microseconds));
            try
            {
                await commands.RunAsync(new GuestCommand { Script = "echo begun; sleep 0.1; echo over" }, cancellationToken: source.Token);
            }
            catch (OperationCanceledException)
            {
                // That is the point.
            }
        }

        await AssertNothingLeftAsync(commands, before);
    }

    [QemuFact]
    public async Task A_command_that_is_cancelled_while_its_input_is_written_leaves_nothing()
    {
        Commands commands = await CloneAsync();
        string before = await commands.ListAgentFilesAsync();
        int cancelled = 0;
        for (int milliseconds = 2; milliseconds < 300; milliseconds = milliseconds * 4 / 3 + 1)
        {
            using CancellationTokenSource source = new(milliseconds);
            try
            {
                await commands.RunAsync(new GuestCommand { FilePath = "wc", Input = new byte[8 << 20] }, cancellationToken: source.Token);
            }
            catch (OperationCanceledException)
            {
                cancelled++;
            }
        }

        Assert.True(cancelled > 1);
        await AssertNothingLeftAsync(commands, before);
    }

    [QemuFact]
    public async Task Whoever_stops_listening_after_the_end_leaves_nothing()
    {
        Commands commands = await CloneAsync();
        string before = await commands.ListAgentFilesAsync();
        for (int i = 0; i < 3; i++)
        {
            int pieces = 0;
            await Assert.ThrowsAsync<InvalidDataException>(() => commands.RunAsync(
                new GuestCommand { Script = "exec 9>/run/runs; echo begun; until [ -e /run/go ]; do usleep 1000; done; rm /run/go; echo over" },
                async _ =>
                {
                    if (pieces++ > 0)
                    {
                        throw new InvalidDataException();
                    }

                    await commands.AskAsync("touch /run/go; while ls -l /proc/[0-9]*/fd/9 2>/dev/null | grep -q /run/runs; do usleep 1000; done");
                }));
        }

        await AssertNothingLeftAsync(commands, before);
    }

    [QemuFact]
    public async Task The_limit_of_a_commands_time_is_told_as_such_even_when_its_output_is_still_read()
    {
        Commands commands = await CloneAsync();
        string before = await commands.ListAgentFilesAsync();

        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(() => commands.RunAsync(
            new GuestCommand { Script = "head -c 4000000 /dev/zero", Timeout = TimeSpan.FromSeconds(2) },
            // A listener so slow that the limit is over before all has been read.
            _ => Task.Delay(TimeSpan.FromSeconds(1))));

        Assert.Equal(ErrorIds.MicroVmTimeout, error.ErrorId);
        await AssertNothingLeftAsync(commands, before);
    }

    [QemuFact]
    public async Task Input_for_a_program_that_is_not_there_is_not_kept()
    {
        Commands commands = await CloneAsync();
        string before = await commands.ListAgentFilesAsync();

        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(
            () => commands.RunAsync(new GuestCommand { FilePath = "no-such-program", Input = new byte[2 << 20] }));

        Assert.Equal(ErrorIds.GuestCommandNotFound, error.ErrorId);
        await AssertNothingLeftAsync(commands, before);
    }

    [QemuFact]
    public async Task Three_hundred_commands_leave_nothing()
    {
        VirtualMachine machine = await Home.CloneAsync("web");
        Commands commands = new(Engine, machine);
        await EngineProgram.RunCommandsAsync(Engine, machine.Id, "first", 20);
        string before = await commands.ListAgentFilesAsync();
        int descriptors = CountOfDescriptors();

        await EngineProgram.RunCommandsAsync(Engine, machine.Id, "one", 300);

        await AssertNothingLeftAsync(commands, before);
        // Other tests run beside this one.
        Assert.InRange(CountOfDescriptors(), 0, descriptors + 15);
    }

    private static async Task AssertNothingLeftAsync(Commands commands, string agentFiles)
    {
        Assert.Equal(agentFiles, await commands.ListAgentFilesAsync());
        // What there is belongs to this command: each removes what those before it have left.
        Assert.InRange(int.Parse(await commands.AskAsync("ls /run/microvm-commands/ | wc -l"), CultureInfo.InvariantCulture), 2, 2 * 17);
    }

    private static int CountOfDescriptors() => Directory.GetFileSystemEntries("/proc/self/fd").Length;

    private async Task<Commands> CloneAsync()
    {
        VirtualMachine machine = await Home.CloneAsync("web");
        await Engine.WaitAgentAsync(machine.Id, s_long, Silent, CancellationToken.None);
        return new Commands(Engine, machine);
    }
}
