using System.Security.Cryptography;
using System.Text;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Guest.Commands;
using MicroVm.Engine.Machines;

namespace MicroVm.Engine.Tests.RealQemu;

/// <summary>Commands in a real guest.</summary>
public sealed class CommandTests(QemuHome home) : QemuTests(home)
{
    [Fact]
    public async Task A_program_gets_its_arguments_as_they_are()
    {
        Result result = await RunAsync(await BootAsync(), new GuestCommand { FilePath = "printf", ArgumentList = ["[%s]\n", "a b", "", "$HOME `id`", "it's \"so\"", "-x", "ü\n*"] });

        Assert.Equal("[a b]\n[]\n[$HOME `id`]\n[it's \"so\"]\n[-x]\n[ü\n*]\n", result.Output);
        Assert.Equal(0, result.End.ExitCode);
        Assert.Empty(result.Errors);
    }

    [Fact]
    public async Task A_script_has_its_own_exit_code_and_both_streams()
    {
        Result result = await RunAsync(await BootAsync(), new GuestCommand { Script = "echo out $1; echo err >&2; pwd; exit 42", ArgumentList = ["one"] });

        Assert.Equal("out one\n/\n", result.Output);
        Assert.Equal("err\n", result.Errors);
        Assert.Equal(42, result.End.ExitCode);
    }

    [Fact]
    public async Task Directory_variables_user_and_input_are_as_asked()
    {
        VirtualMachine machine = await BootAsync();
        GuestCommand command = new()
        {
            Script = "pwd; echo \"$COLOUR\"; id -u; cat",
            WorkingDirectory = "/etc",
            Environment = new Dictionary<string, string> { ["COLOUR"] = "red $(green)\n'blue'" },
            User = "nobody",
            Input = Encoding.UTF8.GetBytes("what is piped"),
        };

        Result asked = await RunAsync(machine, command);
        Assert.Equal("", asked.Errors);
        Assert.Equal("/etc\nred $(green)\n'blue'\n65534\nwhat is piped", asked.Output);
        Assert.Equal("65534\n", (await RunAsync(machine, new GuestCommand { FilePath = "id", ArgumentList = ["-u"], User = "nobody" })).Output);
    }

    [Theory]
    [InlineData("no-such-program", null, null, ErrorIds.GuestCommandNotFound)]
    [InlineData("true", "/no/such/directory", null, ErrorIds.FileNotFound)]
    [InlineData("true", null, "stranger", ErrorIds.InvalidGuestCommand)]
    public async Task What_is_not_in_the_guest_is_an_error(string program, string? directory, string? user, string errorId)
    {
        VirtualMachine machine = await BootAsync();

        MicroVmException failure = await Assert.ThrowsAsync<MicroVmException>(
            () => RunAsync(machine, new GuestCommand { FilePath = program, WorkingDirectory = directory, User = user }));

        Assert.Equal(errorId, failure.ErrorId);
    }

    [Fact]
    public async Task Sixty_four_megabytes_arrive_whole()
    {
        VirtualMachine machine = await BootAsync();
        const int Megabytes = 64;
        GuestCommand command = new() { Script = $"head -c {Megabytes << 20} /dev/urandom | tee /root/data; sha256sum </root/data >&2" };
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        long length = 0;
        StringBuilder said = new();

        await Engine.RunCommandAsync(
            machine.Id,
            command,
            piece =>
            {
                if (piece.Stream == GuestStream.Error)
                {
                    said.Append(Encoding.UTF8.GetString(piece.Bytes.Span));
                }
                else
                {
                    hash.AppendData(piece.Bytes.Span);
                    length += piece.Bytes.Length;
                }

                return Task.CompletedTask;
            },
            Silent,
            CancellationToken.None);

        Assert.Equal(Megabytes << 20, length);
        Assert.StartsWith(Convert.ToHexStringLower(hash.GetHashAndReset()), said.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_command_that_writes_faster_than_it_is_read_fills_no_small_guest()
    {
        VirtualMachine machine = await Engine.CreateAsync(
            new VirtualMachineSpec { Name = "small", MemoryBytes = 128 << 20 }, start: true, Silent, CancellationToken.None);
        const int Megabytes = 150;
        long length = 0;

        GuestCommandEnd end = await Engine.RunCommandAsync(
            machine.Id,
            new GuestCommand { Script = $"head -c {Megabytes << 20} /dev/zero" },
            piece =>
            {
                length += piece.Stream == GuestStream.Output ? piece.Bytes.Length : 0;
                return Task.CompletedTask;
            },
            Silent,
            CancellationToken.None);

        Assert.Equal(0, end.ExitCode);
        Assert.Equal(Megabytes << 20, length);
        Assert.Equal("0\n", (await RunAsync(machine, new GuestCommand { Script = "ls -d /sys/fs/cgroup/workload/microvm-* 2>/dev/null | wc -l" })).Output);
    }

    [Fact]
    public async Task A_command_that_takes_too_long_is_ended_with_all_its_processes()
    {
        VirtualMachine machine = await BootAsync();
        GuestCommand command = new()
        {
            Script = "trap '' TERM; (while :; do sleep 1234; done) & setsid sleep 1235 & env -i sleep 1236 & nohup sleep 1237 >/dev/null 2>&1 & wait",
            Timeout = TimeSpan.FromSeconds(1),
        };

        MicroVmException failure = await Assert.ThrowsAsync<MicroVmException>(() => RunAsync(machine, command));

        Assert.Equal(ErrorIds.MicroVmTimeout, failure.ErrorId);
        Assert.Equal("", (await RunAsync(machine, new GuestCommand { Script = "ps | grep 'sleep 123[4-7]' | grep -v grep" })).Output);
    }

    private async Task<VirtualMachine> BootAsync() =>
        await Engine.CreateAsync(new VirtualMachineSpec { Name = "command" }, start: true, Silent, CancellationToken.None);

    private async Task<Result> RunAsync(VirtualMachine machine, GuestCommand command)
    {
        MemoryStream[] streams = [new(), new()];
        GuestCommandEnd end = await Engine.RunCommandAsync(
            machine.Id,
            command,
            piece =>
            {
                streams[(int)piece.Stream].Write(piece.Bytes.Span);
                return Task.CompletedTask;
            },
            Silent,
            CancellationToken.None);
        return new Result(end, Encoding.UTF8.GetString(streams[0].ToArray()), Encoding.UTF8.GetString(streams[1].ToArray()));
    }

    private sealed record Result(GuestCommandEnd End, string Output, string Errors);
}
