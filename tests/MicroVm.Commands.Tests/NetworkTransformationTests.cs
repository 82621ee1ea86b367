using System.Collections;
using System.Management.Automation;
using MicroVm.Engine;
using MicroVm.Engine.Machines;
using Xunit;

namespace MicroVm.Commands.Tests;

public class NetworkTransformationTests
{
    [PwshTheory]
    [InlineData("None", "")]
    [InlineData("none", "")]
    [InlineData("Nat", "Nat")]
    [InlineData("NAT", "Nat")]
    [InlineData("user", "User")]
    [InlineData("lan", "lan")]
    // A kind, but not one without a name; so the name of a network, which none can have.
    [InlineData("Named", "Named")]
    public void Text_is_a_mode_or_a_name(string text, string expected) => Assert.Equal(expected, Say(text));

    [PwshFact]
    public void Lists_modes_and_objects_are_taken_one_by_one()
    {
        NetworkInterfaceSpec bridge = new() { Mode = NetworkMode.Bridge, Name = "br0" };

        Assert.Equal("Nat, Bridge br0, lan", Say(new object?[] { NetworkMode.Nat, "None", PSObject.AsPSObject(bridge), PSObject.AsPSObject("lan") }));
        Assert.Equal("Bridge br0", Say(bridge));
        Assert.Equal("User", Say(PSObject.AsPSObject(new[] { "User" })));
    }

    [PwshFact]
    public void Table_says_all_of_an_interface_whatever_the_case_of_its_keys()
    {
        NetworkInterfaceSpec read = Assert.Single(Read(new Hashtable
        {
            ["MODE"] = "tap",
            ["TapDevice"] = "tap0",
            ["networkNamespace"] = "shop",
            ["MacAddress"] = "02:fc:00:12:34:56",
            ["IPAddress"] = "192.0.2.5/24",
            ["Gateway"] = "192.0.2.1",
        }));

        Assert.Equal(
            new NetworkInterfaceSpec
            {
                Mode = NetworkMode.Tap,
                TapDevice = "tap0",
                NetworkNamespace = "shop",
                MacAddress = "02:fc:00:12:34:56",
                IPAddress = "192.0.2.5/24",
                Gateway = "192.0.2.1",
            },
            read);
    }

    [PwshFact]
    public void Mode_of_a_table_can_be_told_from_the_rest()
    {
        Assert.Equal(NetworkMode.Tap, Assert.Single(Read(new Hashtable { ["TapDevice"] = "tap0" })).Mode);
        Assert.Equal("lan", Say(new Hashtable { ["Name"] = "lan" }));
        Assert.Equal("Nat", Say(new Hashtable { ["Network"] = "Nat", ["Gateway"] = "" }));
    }

    [PwshFact]
    public void What_is_no_interface_is_refused()
    {
        Assert.Contains("Speed", Refuse(new Hashtable { ["Mode"] = "Nat", ["Speed"] = 9 }), StringComparison.Ordinal);
        Assert.Contains("needs a Mode or a Name", Refuse(new Hashtable { ["IPAddress"] = "192.0.2.5/24" }), StringComparison.Ordinal);
        Assert.Contains("'7'", Refuse(7), StringComparison.Ordinal);
        Assert.Contains("is not a network", Refuse(new object?[] { "Nat", null }), StringComparison.Ordinal);
    }

    private static NetworkInterfaceSpec[] Read(object given) => Assert.IsType<NetworkInterfaceSpec[]>(new NetworkTransformationAttribute().Transform(null!, given));

    private static string Say(object given) => string.Join(", ", Read(given).Select(one => one.ToString()));

    private static string Refuse(object given) => Assert.Throws<ArgumentTransformationMetadataException>(() => Read(given)).Message;
}
