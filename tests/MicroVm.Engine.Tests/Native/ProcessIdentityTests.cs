using MicroVm.Engine.Isolation;
using MicroVm.Engine.Native;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.Native;

public sealed class ProcessIdentityTests
{
    [Fact]
    public void This_process_is_alive()
    {
        Assert.True(ProcessIdentity.Self.IsAlive);
        Assert.Equal(ProcessIdentity.Self, ProcessIdentity.Of(Environment.ProcessId));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(int.MaxValue)]
    public void No_process_has_that_number(int number) => Assert.Null(ProcessIdentity.Of(number));

    [Fact]
    public void Zombie_is_dead_but_there_until_it_is_reaped()
    {
        using TestProcess child = TestProcess.Sleeper();
        Assert.True(child.Identity.IsAlive);

        child.Signal(Signals.Kill);
        child.WaitForEnd();

        Assert.False(child.Identity.IsAlive);
        Assert.True(child.Identity.Exists);
        Assert.Equal(new ProcessExit(null, Signals.Kill), child.Reap());
        Assert.False(child.Identity.Exists);
        Assert.Null(ProcessIdentity.Of(child.Id));
    }

    [Fact]
    public void Stopped_process_is_alive()
    {
        const int Stop = 19;
        using TestProcess child = TestProcess.Sleeper();

        child.Signal(Stop);

        Assert.True(child.Identity.IsAlive);
    }

    [Fact]
    public void Same_number_with_another_start_is_another_process()
    {
        ProcessIdentity reused = ProcessIdentity.Self with { StartTicks = ProcessIdentity.Self.StartTicks - 1 };

        Assert.False(reused.IsAlive);
        Assert.False(reused.Exists);
        Assert.Null(VmmProcess.Open(reused));
    }

    [Fact]
    public void Same_number_after_another_boot_is_another_process() =>
        Assert.False((ProcessIdentity.Self with { BootId = "00000000-0000-0000-0000-000000000000" }).Exists);

    [Fact]
    public void Name_of_the_program_may_look_like_the_fields_after_it()
    {
        using Scratch scratch = new();
        string program = scratch.File(") Z 1 (x) 2");
        File.Copy(ProgramFinder.Find("sleep")!, program);
        using TestProcess child = TestProcess.Start("/dev/null", program, "1000");

        Assert.True(child.Identity.IsAlive);
        Assert.Equal(child.Identity, ProcessIdentity.Of(child.Id));
        Assert.True(child.Identity.StartTicks >= ProcessIdentity.Self.StartTicks);
    }
}
