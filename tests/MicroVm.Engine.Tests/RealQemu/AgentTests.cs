using MicroVm.Engine.Guest.Agent;
using MicroVm.Engine.Machines;

namespace MicroVm.Engine.Tests.RealQemu;

/// <summary>The agent of a real guest, spoken with directly.</summary>
public sealed class AgentTests(QemuHome home) : QemuTests(home)
{
    [Fact]
    public async Task A_guest_that_is_being_booted_is_waited_for()
    {
        VirtualMachine machine = await Engine.CreateAsync(new VirtualMachineSpec { Name = "agent" }, start: true, Silent, CancellationToken.None);

        await GuestAccess.Open(Home.Context, machine.Id, "to speak").UseAsync(
            async agent =>
            {
                await agent.PingAsync(CancellationToken.None);
                return true;
            },
            CancellationToken.None);
    }
}
