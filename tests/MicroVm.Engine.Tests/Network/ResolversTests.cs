using MicroVm.Engine.Network;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.Network;

public sealed class ResolversTests : IDisposable
{
    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Theory]
    [InlineData("nameserver 192.0.2.1\n", "192.0.2.1")]
    [InlineData("# nameserver 192.0.2.9\nsearch example.org\nnameserver\t192.0.2.1 # the first\n nameserver 192.0.2.2\noptions ndots:2\n", "192.0.2.1 192.0.2.2")]
    [InlineData("nameserver 192.0.2.1\nnameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.0.2.3\nnameserver 192.0.2.4\n", "192.0.2.1 192.0.2.2 192.0.2.3")]
    [InlineData("nameserver 127.0.0.1\n", "127.0.0.1")]
    [InlineData("nameserver 127.0.0.53\n", "10.0.0.1 10.0.0.2")]
    [InlineData("nameserver 127.0.0.53\nnameserver 192.0.2.7\n", "10.0.0.1 10.0.0.2 192.0.2.7")]
    [InlineData("nameserver ::ffff:192.0.2.1\nnameserver 2001:db8::1\n", "192.0.2.1 2001:db8::1")]
    [InlineData("nameserver fe80::1%eth0\nnameserver ::1\nnameserver 192.0.2.1\n", "192.0.2.1")]
    public void Servers_are_those_that_guests_can_be_led_to(string text, string expected)
    {
        Resolvers found = Read(text);

        Assert.Equal(expected, string.Join(' ', found.Addresses));
        Assert.Null(found.Warning);
    }

    [Theory]
    [InlineData("nameserver 2001:db8::1\n", "IPv6 addresses only")]
    [InlineData("nameserver fe80::1%eth0\n", "fe80::1")]
    [InlineData("", "names no name server:")]
    [InlineData(null, "names no name server:")]
    public void What_guests_will_miss_is_said(string? text, string expected) => Assert.Contains(expected, Read(text).Warning!, StringComparison.Ordinal);

    [Fact]
    public void Stub_with_nothing_known_behind_it_is_no_server()
    {
        File.WriteAllText(_scratch.File("resolv.conf"), "nameserver 127.0.0.53\n");

        Resolvers found = Resolvers.Read(_scratch.File("resolv.conf"), _scratch.File("none"));

        Assert.Empty(found.Addresses);
        Assert.Contains("127.0.0.53", found.Warning!, StringComparison.Ordinal);
    }

    private Resolvers Read(string? text)
    {
        if (text is not null)
        {
            File.WriteAllText(_scratch.File("resolv.conf"), text);
        }

        File.WriteAllText(_scratch.File("behind"), "nameserver 10.0.0.1\nnameserver 10.0.0.2\n");
        return Resolvers.Read(_scratch.File("resolv.conf"), _scratch.File("behind"));
    }
}
