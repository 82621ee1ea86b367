namespace MicroVm.Engine.Tests.Network;

public sealed class PublishedPortTests
{
    [Theory]
    [InlineData("8080:80", "127.0.0.1:8080:80/tcp")]
    [InlineData("80", "127.0.0.1:0:80/tcp")]
    [InlineData(":80", "127.0.0.1:0:80/tcp")]
    [InlineData("0:80/udp", "127.0.0.1:0:80/udp")]
    [InlineData("53:53/UDP", "127.0.0.1:53:53/udp")]
    [InlineData("0.0.0.0:8080:80", "0.0.0.0:8080:80/tcp")]
    [InlineData("192.0.2.1:65535:1/tcp", "192.0.2.1:65535:1/tcp")]
    [InlineData("[2001:DB8::0:1]:443:8443", "[2001:db8::1]:443:8443/tcp")]
    [InlineData("[::]:443:443", "[::]:443:443/tcp")]
    public void Text_of_a_port(string text, string canonical)
    {
        PublishedPort? port = PublishedPort.TryParse(text);

        Assert.Equal(canonical, port?.ToString());
        Assert.Equal(port, PublishedPort.TryParse(canonical));
    }

    [Theory]
    [InlineData("")]
    [InlineData(":")]
    [InlineData("0")]
    [InlineData("8080:0")]
    [InlineData("65536:80")]
    [InlineData("80:65536")]
    [InlineData("-1:80")]
    [InlineData("+1:80")]
    [InlineData(" 80:80")]
    [InlineData("80:80/sctp")]
    [InlineData("80:80/0")]
    [InlineData("80:80/")]
    [InlineData("localhost:80:80")]
    [InlineData("1:2:3")]
    [InlineData("127.1:80:80")]
    [InlineData("0x7f.0.0.1:80:80")]
    [InlineData("1.2.3.4:5:6:7")]
    [InlineData("[1.2.3.4]:80:80")]
    [InlineData("[::1:80:80")]
    [InlineData("[fe80::1%eth0]:80:80")]
    [InlineData("2001:db8::1:80:80")]
    public void Text_of_no_port(string text) => Assert.Null(PublishedPort.TryParse(text));
}
