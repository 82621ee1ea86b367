using MicroVm.Engine.Guest.Agent;
using MicroVm.Engine.Guest.Fixups;
using MicroVm.Engine.Machines;
using MicroVm.Engine.Snapshots;
using MicroVm.Engine.State;
using MicroVm.Engine.Tests.Support;
using MicroVm.Engine.Vmm;

namespace MicroVm.Engine.Tests.RealQemu;

/// <summary>A workload that nobody thaws, for whoever froze it is gone.</summary>
public sealed class GuardTests(QemuHome home) : QemuTests(home)
{
    // The guard's half minute, and what a busy host takes.
    private static readonly TimeSpan s_afterAll = TimeSpan.FromSeconds(32);

    [QemuFact]
    public async Task Workload_is_thawed_by_its_guest_in_the_source_and_in_clones()
    {
        VirtualMachine source = await Home.CloneAsync("source");
        Guest guest = new(source);
        await guest.StartCountingAsync();
        Snapshot snapshot = await Home.SaveAsync(source, "frozen");

        // As if the process had died right after the freeze.
        GuestAgent agent = GuestAccess.Open(Home.Context, source.Id, "to freeze it");
        Assert.True(await agent.UseAsync(
            async connection => await WorkloadFreezer.GuardAsync(connection, agent, FixupPlan.Cgroups, CancellationToken.None)
                && await WorkloadFreezer.FreezeAsync(connection, FixupPlan.Cgroups, CancellationToken.None) is not null,
            CancellationToken.None));
        // As if it had died right after the vCPUs of the clone were started.
        VirtualMachine clone = await Engine.RestoreAsync(
            snapshot.SnapshotId, new RestoreOptions { NewName = "clone", LeaveSuspended = true }, Silent, CancellationToken.None);
        MachineRecord record = Home.Context.Machines.Read(clone.Id)!;
        await using (IVmmConnection vmm = await Home.Context.DriverOf(HypervisorKind.Auto).ConnectAsync(record.Run!.RunDirectory, CancellationToken.None))
        {
            await vmm.ResumeAsync(CancellationToken.None);
        }

        long last = guest.Ticks[^1];
        await Task.Delay(TimeSpan.FromSeconds(5));
        Assert.InRange(guest.Ticks[^1], last, last + 1);
        Assert.Equal("", new Guest(clone).Text);

        await Task.Delay(s_afterAll - TimeSpan.FromSeconds(5));
        await guest.NextTickAsync();
        Guest.AssertContinuous(guest.Ticks);
        Guest copy = new(clone);
        await copy.NextTickAsync();
        Guest.AssertContinuous(copy.Ticks);

        // It is not too late to put it right, but too late to protect it.
        Home.Context.Machines.Write(record with { State = VmState.Running });
        VirtualMachine late = await Engine.ResumeAsync(clone.Id, Silent, CancellationToken.None);
        Assert.Equal(FixupResult.Unprotected, late.Fixups[0].Result);
    }
}
