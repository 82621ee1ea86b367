using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using MicroVm.Engine.Native;

namespace MicroVm.Engine.Network;

/// <summary>The chain of a policy: one of three that are always there, or one made of the policy's rules, which all VMs share that have equal rules.</summary>
internal static class EgressChain
{
    /// <summary>What the names of chains begin with that were made of rules.</summary>
    public const string Prefix = "egress-";

    /// <summary>The sets and the map that say which links have which policy; a link is in one of them.</summary>
    public static readonly IReadOnlyList<string> Sets = ["links-none", "links-internet", "links-open", Ruled];

    private const string Ruled = "links-ruled";

    /// <summary>What makes a policy that of a link.</summary>
    public static FirewallElement ElementOf(byte[] link, EgressPolicy policy) =>
        policy.Rules.Count == 0 ? new FirewallElement("links-" + NameOf(policy.Base), link, []) : new FirewallElement(Ruled, link, [], NameOf(policy));

    /// <summary>The chain's name.</summary>
    public static string NameOf(EgressPolicy policy) => policy.Rules.Count == 0
        ? NameOf(policy.Base)
        : Prefix + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(policy.ToString()))[..8]);

    /// <summary>Makes the chain, if it is not one of the three; that it is there already is no error.</summary>
    public static void AddTo(NftBatch batch, EgressPolicy policy)
    {
        if (policy.Rules.Count == 0)
        {
            return;
        }

        string name = NameOf(policy);
        batch.RenewChain(name);
        foreach (EgressRule rule in policy.Rules)
        {
            batch.AppendRule(name, expressions => Express(expressions, rule));
        }

        batch.AppendRule(name, expressions => expressions.Decide(NftVerdict.Goto, NameOf(policy.Base)));
    }

    private static string NameOf(EgressBase policy) => policy switch
    {
        EgressBase.Open => "open",
        EgressBase.None => "none",
        _ => "internet",
    };

    private static void Express(NftExpressions expressions, EgressRule rule)
    {
        IPNetwork destination = IPNetwork.Parse(rule.Destination);
        bool ipv6 = destination.BaseAddress.AddressFamily == AddressFamily.InterNetworkV6;
        expressions.IsFamily(ipv6);
        if (destination.PrefixLength > 0)
        {
            // What the guest asked for, so that a rule for the name servers' constants means these and one for the host's network does not.
            byte[] address = destination.BaseAddress.GetAddressBytes();
            expressions.LoadOriginalDestination(ipv6);
            if (destination.PrefixLength < address.Length * 8)
            {
                expressions.Mask(MaskOf(destination.PrefixLength, address.Length));
            }

            expressions.Equal(address);
        }

        if (rule.Protocol is { } protocol)
        {
            expressions.Load(NftMeta.Protocol).Equal([protocol == PortProtocol.Tcp ? (byte)6 : (byte)17]);
        }

        if (rule.Port is { } port)
        {
            byte[] number = new byte[2];
            BinaryPrimitives.WriteUInt16BigEndian(number, (ushort)port);
            expressions.LoadTransport(2, 2).Equal(number);
        }

        if (rule.Allows)
        {
            expressions.Decide(NftVerdict.Accept);
        }
        else
        {
            expressions.Decide(NftVerdict.Goto, "refuse");
        }
    }

    private static byte[] MaskOf(int prefix, int bytes)
    {
        byte[] mask = new byte[bytes];
        for (int bit = 0; bit < prefix; bit++)
        {
            mask[bit / 8] |= (byte)(0x80 >> (bit % 8));
        }

        return mask;
    }
}
