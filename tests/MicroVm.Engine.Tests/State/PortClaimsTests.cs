using MicroVm.Engine.State;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.State;

public sealed class PortClaimsTests : IDisposable
{
    private readonly Scratch _scratch = new();
    private readonly MachineStore _store;
    private readonly PortClaims _ports;

    public PortClaimsTests()
    {
        _store = new MachineStore(_scratch.Paths);
        _ports = new PortClaims(_store);
    }

    public void Dispose() => _scratch.Dispose();

    [Theory]
    [InlineData("8080:80", "8080:81")]
    [InlineData("8080:80", "0.0.0.0:8080:80")]
    [InlineData("0.0.0.0:8080:80", "192.0.2.1:8080:80")]
    [InlineData("[::]:8080:80", "[2001:db8::1]:8080:80")]
    public void Ports_that_exclude_each_other(string first, string second)
    {
        Guid holder = MakeMachine(first);
        Guid other = MakeMachine(second);
        Assert.Null(_ports.Claim(Port(first), holder));

        Assert.Equal(holder, _ports.Claim(Port(second), other));

        _ports.Release(Port(first), holder);
        Assert.Null(_ports.Claim(Port(second), other));
        Assert.Equal(other, _ports.Claim(Port(first), holder));
    }

    [Theory]
    [InlineData("8080:80", "8080:80/udp")]
    [InlineData("8080:80", "8081:80")]
    [InlineData("8080:80", "192.0.2.1:8080:80")]
    [InlineData("0.0.0.0:8080:80", "[::]:8080:80")]
    [InlineData("0.0.0.0:8080:80", "0.0.0.0:808:80")]
    public void Ports_that_do_not(string first, string second)
    {
        Assert.Null(_ports.Claim(Port(first), MakeMachine(first)));
        Assert.Null(_ports.Claim(Port(second), MakeMachine(second)));
    }

    [Fact]
    public void Port_of_a_VM_that_does_not_publish_it_any_more_is_free()
    {
        Guid id = MakeMachine("0.0.0.0:8080:80");
        _ports.Claim(Port("0.0.0.0:8080:80"), id);
        _store.Write(Records.Stopped(id));

        Assert.Null(_ports.Claim(Port("8080:80"), MakeMachine("8080:80")));
        Assert.Equal(["tcp-8080-127.0.0.1"], _ports.All().Select(claim => claim.Key));
    }

    private static PublishedPort Port(string text) => PublishedPort.TryParse(text)!;

    private Guid MakeMachine(string port)
    {
        Guid id = Guid.NewGuid();
        _store.MakeLocked(id, "vm", "Test").Dispose();
        _store.Write(Records.Stopped(id) with { Network = new MachineNetwork { PublishedPorts = [Port(port)] } });
        return id;
    }
}
