using System.Management.Automation;
using MicroVm.Engine;
using Xunit;

namespace MicroVm.Commands.Tests;

public class PortTransformationTests
{
    [PwshTheory]
    [InlineData("8080:80", "127.0.0.1:8080:80/tcp")]
    [InlineData(":80", "127.0.0.1:0:80/tcp")]
    [InlineData("0.0.0.0:53:53/UDP", "0.0.0.0:53:53/udp")]
    [InlineData("[2001:DB8::1]:443:443", "[2001:db8::1]:443:443/tcp")]
    [InlineData(80, "127.0.0.1:0:80/tcp")]
    public void Text_or_number_is_a_port(object given, string expected)
    {
        Assert.Equal(expected, Say(given));
        Assert.Equal(expected, Say(PSObject.AsPSObject(given)));
    }

    [PwshFact]
    public void Lists_are_taken_one_by_one_and_an_empty_one_is_none()
    {
        PublishedPort port = new("192.0.2.1", 53, 53, PortProtocol.Udp);
        PSObject serialised = (PSObject)PSSerializer.Deserialize(PSSerializer.Serialize(port));

        Assert.Equal("192.0.2.1:53:53/udp 192.0.2.1:53:53/udp 192.0.2.1:53:53/udp 127.0.0.1:0:80/tcp", Say(new object[] { port, PSObject.AsPSObject(port), serialised, "80" }));
        Assert.Equal("", Say(Array.Empty<object>()));
    }

    [PwshTheory]
    [InlineData("eighty")]
    [InlineData("")]
    [InlineData("65536:80")]
    [InlineData("8080:0")]
    [InlineData("localhost:8080:80")]
    [InlineData("8080:80/sctp")]
    [InlineData(-80)]
    public void What_is_no_port_is_refused_with_what_one_is(object given)
    {
        string message = Assert.Throws<ArgumentTransformationMetadataException>(() => Say(given)).Message;

        Assert.Contains($"'{given}'", message, StringComparison.Ordinal);
        Assert.Contains("8080:80", message, StringComparison.Ordinal);
    }

    private static string Say(object given) =>
        string.Join(' ', Assert.IsType<PublishedPort[]>(new PortTransformationAttribute().Transform(null!, given)).Select(port => port.ToString()));
}
