using System.Diagnostics;
using System.Globalization;
using MicroVm.Engine.Machines;
using MicroVm.Engine.Tests.RealQemu;
using MicroVm.Engine.Tests.Support;
using Xunit.Abstractions;

namespace MicroVm.Engine.Tests.Soak;

/// <summary>Many commands in one guest; not part of the ordinary run: <c>--filter Category=Soak</c>.</summary>
[Trait("Category", "Soak")]
[Collection(QemuGroup.Name)]
public sealed class CommandSoakTests(QemuHome home, ITestOutputHelper output) : IAsyncLifetime
{
    private const int Minutes = 60_000;
    private const int Rounds = 10;
    private const int CommandsPerRound = 1000;

    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync() => home.SweepAsync();

    [QemuFact(Timeout = 20 * Minutes)]
    public async Task Ten_thousand_commands_leave_nothing()
    {
        VirtualMachine machine = await home.CloneAsync("web");
        Commands commands = new(home.Engine, machine);
        await EngineProgram.RunCommandsAsync(home.Engine, machine.Id, "first", 100);
        string files = await commands.ListAgentFilesAsync();
        int descriptors = CountOfDescriptors();
        string memory = await MemoryAsync();
        for (int i = 0; i < Rounds; i++)
        {
            Stopwatch watch = Stopwatch.StartNew();
            await EngineProgram.RunCommandsAsync(home.Engine, machine.Id, $"round {i}", CommandsPerRound);
            double each = watch.Elapsed.TotalMilliseconds / CommandsPerRound;
            string now = await MemoryAsync();
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{CommandsPerRound} commands, {each:0.0} ms each; the agent's {now}, at first {memory}"));
        }

        Assert.Equal(files, await commands.ListAgentFilesAsync());
        Assert.InRange(int.Parse(await commands.AskAsync("ls /run/microvm-commands/ | wc -l"), CultureInfo.InvariantCulture), 2, 2 * 17);
        Assert.InRange(CountOfDescriptors(), 0, descriptors + 15);

        async Task<string> MemoryAsync() => (await commands.AskAsync("grep VmRSS /proc/$(pidof qemu-ga)/status")).Replace('\t', ' ');
    }

    private static int CountOfDescriptors() => Directory.GetFileSystemEntries("/proc/self/fd").Length;
}
