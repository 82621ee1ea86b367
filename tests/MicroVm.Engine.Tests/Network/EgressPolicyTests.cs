namespace MicroVm.Engine.Tests.Network;

public sealed class EgressPolicyTests
{
    [Theory]
    [InlineData("Allow 203.0.113.7", "Allow 203.0.113.7/32")]
    [InlineData("deny 203.0.113.0/24", "Deny 203.0.113.0/24")]
    [InlineData("Allow TCP 203.0.113.0/24:443", "Allow tcp 203.0.113.0/24:443")]
    [InlineData("Allow 203.0.113.7:443", "Allow tcp 203.0.113.7/32:443")]
    [InlineData("Allow udp 203.0.113.7", "Allow udp 203.0.113.7/32")]
    [InlineData("Deny 0.0.0.0/0", "Deny 0.0.0.0/0")]
    [InlineData("Allow 2001:db8::7", "Allow 2001:db8::7/128")]
    [InlineData("Allow 2001:DB8::/32", "Allow 2001:db8::/32")]
    [InlineData("Allow udp [2001:db8::]/32:53", "Allow udp [2001:db8::]/32:53")]
    [InlineData("  Allow   tcp   10.0.0.1:1 ", "Allow tcp 10.0.0.1/32:1")]
    public void Text_of_a_rule(string text, string canonical)
    {
        EgressRule? rule = EgressRule.TryParse(text);

        Assert.Equal(canonical, rule?.ToString());
        Assert.Equal(rule, EgressRule.TryParse(canonical));
    }

    [Theory]
    [InlineData("")]
    [InlineData("Allow")]
    [InlineData("203.0.113.7")]
    [InlineData("Accept 203.0.113.7")]
    [InlineData("Allow icmp 203.0.113.7")]
    [InlineData("Allow 203.0.113.7/24")]
    [InlineData("Allow 203.0.113.7/33")]
    [InlineData("Allow 203.0.113/24")]
    [InlineData("Allow 203.0.113.7:0")]
    [InlineData("Allow 203.0.113.7:65536")]
    [InlineData("Allow 203.0.113.7:http")]
    [InlineData("Allow example.com:443")]
    [InlineData("Allow tcp udp 203.0.113.7")]
    [InlineData("Allow 203.0.113.7; drop")]
    public void Text_of_no_rule(string text) => Assert.Null(EgressRule.TryParse(text));

    [Fact]
    public void Base_stands_anywhere_and_holds_after_the_rules()
    {
        EgressPolicy? policy = EgressPolicy.TryParse(["open", "Deny 203.0.113.7"]);

        Assert.Equal(EgressBase.Open, policy?.Base);
        Assert.Equal("Deny 203.0.113.7/32; Open", policy?.ToString());
        Assert.Equal(policy, EgressPolicy.TryParse(policy!.ToTexts()));
    }

    [Fact]
    public void Rules_that_allow_are_all_that_is_allowed() => Assert.Equal(EgressBase.None, EgressPolicy.TryParse(["Deny 203.0.113.7", "Allow 203.0.113.0/24"])?.Base);

    [Fact]
    public void Rules_that_only_deny_leave_the_rest_of_the_internet() => Assert.Equal(EgressBase.Internet, EgressPolicy.TryParse(["Deny 203.0.113.7"])?.Base);

    [Theory]
    [InlineData("Everything")]
    [InlineData("1")]
    [InlineData("")]
    public void Text_of_no_policy(string text) => Assert.Null(EgressPolicy.TryParse([text]));

    [Fact]
    public void Two_bases_are_no_policy() => Assert.Null(EgressPolicy.TryParse(["Open", "None"]));
}
