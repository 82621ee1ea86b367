using System.Management.Automation;
using MicroVm.Engine;
using Xunit;

namespace MicroVm.Commands.Tests;

public class EgressTransformationTests
{
    [PwshTheory]
    [InlineData("Internet", "Internet")]
    [InlineData("open", "Open")]
    [InlineData("NONE", "None")]
    [InlineData("Allow tcp 192.0.2.7:443", "Allow tcp 192.0.2.7/32:443; None")]
    [InlineData("Deny 203.0.113.0/24", "Deny 203.0.113.0/24; Internet")]
    public void Text_is_a_base_or_a_rule(string text, string expected)
    {
        Assert.Equal(expected, Read(text).ToString());
        Assert.Equal(expected, Read(PSObject.AsPSObject(text)).ToString());
    }

    [PwshFact]
    public void List_is_one_policy()
    {
        EgressPolicy policy = Read(new object[] { PSObject.AsPSObject("Open"), "Deny tcp 203.0.113.0/24:25", EgressRule.TryParse("Allow udp 192.0.2.53:53")! });

        Assert.Equal("Deny tcp 203.0.113.0/24:25; Allow udp 192.0.2.53/32:53; Open", policy.ToString());
        Assert.Equal(EgressBase.None, Read(EgressBase.None).Base);
    }

    [PwshFact]
    public void Policy_is_left_as_it_is() => Assert.Same(EgressPolicy.Default, Read(PSObject.AsPSObject(EgressPolicy.Default)));

    [PwshFact]
    public void What_a_VM_shows_can_be_given_to_another()
    {
        EgressPolicy policy = Read(new[] { "Allow tcp 192.0.2.7:443", "Deny 203.0.113.0/24", "Open" });

        Assert.Equal(policy, Read(policy.ToString()));
        Assert.Equal(policy, Read(policy.ToTexts().ToArray()));
    }

    [PwshFact]
    public void What_is_no_policy_is_refused_with_what_one_is()
    {
        foreach (object given in (object[])["everywhere", "", "Allow", "Allow 192.0.2.7/33", 7, new[] { "Internet", "Open" }])
        {
            Assert.Contains("Give Internet, Open or None", Assert.Throws<ArgumentTransformationMetadataException>(() => Read(given)).Message, StringComparison.Ordinal);
        }
    }

    private static EgressPolicy Read(object given) => Assert.IsType<EgressPolicy>(new EgressTransformationAttribute().Transform(null!, given));
}
