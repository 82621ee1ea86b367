using MicroVm.Engine.Errors;
using MicroVm.Engine.Keeper;
using MicroVm.Engine.Machines;
using MicroVm.Engine.Snapshots;
using static MicroVm.Engine.Tests.Network.FirewallWorld;

namespace MicroVm.Engine.Tests.RealQemu;

/// <summary>Guests of named networks: who meets whom, and by which names.</summary>
public sealed class NamedNetworkTests(NetworkHome home) : QemuNetworkTests(home)
{
    [GuestNetworkFact]
    public async Task Members_meet_by_name_and_others_do_not()
    {
        await Engine.CreateNetworkAsync("blue", "the first", CancellationToken.None);
        await Engine.CreateNetworkAsync("red", null, CancellationToken.None);
        try
        {
            VirtualMachine[] booted = await Task.WhenAll(Home.BootAsync(In("Blue") with { Name = "app" }), Home.BootAsync(In("red") with { Name = "other" }));
            (VirtualMachine app, VirtualMachine other) = (booted[0], booted[1]);
            await GuestOf(app).ServeAsync();
            Snapshot snapshot = await Engine.SaveSnapshotAsync(app.Id, "serving", null, Silent, CancellationToken.None);
            VirtualMachine db = await Engine.RestoreAsync(snapshot.SnapshotId, new RestoreOptions { NewName = "db" }, Silent, CancellationToken.None);
            using NameService names = new(Home.Context, line => Assert.Fail(line));
            foreach (VirtualMachine machine in (VirtualMachine[])[app, db, other])
            {
                names.Follow(Home.Context.Machines.Read(machine.Id)!);
            }

            Assert.Equal(["app", "db"], Engine.GetNetworks().Single(network => network.Name == "blue").VMName);
            Assert.Equal(NetworkGuest.Page.TrimEnd(), await GuestOf(app).FetchAsync($"http://{db.IPAddress}/"));
            Assert.Equal(NetworkGuest.Page.TrimEnd(), await GuestOf(db).FetchAsync($"http://{app.IPAddress}/"));
            Assert.Contains(NetworkGuest.Refused, await GuestOf(other).AskAsync(db.IPAddress!, 80), StringComparison.Ordinal);
            Assert.Contains(NetworkGuest.Refused, await GuestOf(app).AskAsync(other.IPAddress!, 80), StringComparison.Ordinal);
            VirtualMachine web = await Home.WebAsync();
            Assert.Contains(NetworkGuest.Refused, await GuestOf(web).AskAsync(db.IPAddress!, 80), StringComparison.Ordinal);
            Assert.Contains(NetworkGuest.Refused, await GuestOf(db).AskAsync(web.IPAddress!, 80), StringComparison.Ordinal);

            Assert.Contains(db.IPAddress!, await GuestOf(app).ResolveAsync("db"), StringComparison.Ordinal);
            Assert.Contains(db.IPAddress!, await GuestOf(app).ResolveAsync("DB.blue"), StringComparison.Ordinal);
            Assert.Contains(app.IPAddress!, await GuestOf(db).ResolveAsync("app"), StringComparison.Ordinal);
            // What is no name of the network is asked of the host's name server, which says the same to all.
            Assert.Contains(WorldAddress, await GuestOf(app).ResolveAsync("www.example.org"), StringComparison.Ordinal);
            Assert.Contains(WorldAddress, await GuestOf(other).ResolveAsync("db"), StringComparison.Ordinal);
            Assert.Contains(WorldAddress, await GuestOf(web).ResolveAsync("db"), StringComparison.Ordinal);

            // Who may go nowhere still finds its neighbours' names, and no way to the world by them.
            await Engine.SetAsync(app.Id, new MachineUpdate { Egress = EgressPolicy.TryParse(["None"]) }, Silent, CancellationToken.None);
            names.Follow(Home.Context.Machines.Read(app.Id)!);
            Assert.Contains(db.IPAddress!, await GuestOf(app).ResolveAsync("db"), StringComparison.Ordinal);
            Assert.DoesNotContain(WorldAddress, await GuestOf(app).ResolveAsync("leak.example.org"), StringComparison.Ordinal);
            Assert.DoesNotContain(Home.Names.Asked, asked => asked.StartsWith("leak", StringComparison.Ordinal));
            Assert.Equal(NetworkGuest.Page.TrimEnd(), await GuestOf(app).FetchAsync($"http://{db.IPAddress}/"));

            MicroVmException used = await Assert.ThrowsAsync<MicroVmException>(() => Engine.RemoveNetworkAsync("blue", CancellationToken.None));
            Assert.Equal(ErrorIds.NetworkInUse, used.ErrorId);
        }
        finally
        {
            await Home.RemoveAllAsync(machine => machine.Name != "web");
            await Engine.RemoveNetworkAsync("blue", CancellationToken.None);
            await Engine.RemoveNetworkAsync("red", CancellationToken.None);
        }
    }

    private static VirtualMachineSpec In(string network) => NetworkHome.Small with { Interfaces = [new NetworkInterfaceSpec { Mode = NetworkMode.Named, Name = network }] };
}
