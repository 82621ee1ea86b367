using MicroVm.Engine.Native;

namespace MicroVm.Engine.Tests.Native;

/// <summary>What is asked of the kernel here changes nothing, so it needs no namespace of its own.</summary>
public sealed class NetlinkSocketTests
{
    private const ushort GetLink = 18;
    private const ushort DeleteLink = 17;
    private const ushort LinkName = 3;

    // struct ifinfomsg, all zero.
    private static readonly Int128 s_anyLink = Int128.Zero;

    [Fact]
    public void Dump_is_read_to_its_end()
    {
        using NetlinkSocket socket = NetlinkSocket.Open(NetlinkSocket.Route);
        NetlinkBatch batch = new();
        batch.Begin(GetLink, NetlinkBatch.Dump, "list").Add(s_anyLink);

        string[] names = [.. socket.Dump(batch, "list the links").Select(NameOf)];
        string[] again = [.. socket.Dump(batch, "list the links").Select(NameOf)];

        Assert.Contains("lo", names);
        Assert.Contains("lo", again);
    }

    [Fact]
    public void One_thing_that_is_asked_for_is_answered()
    {
        using NetlinkSocket socket = NetlinkSocket.Open(NetlinkSocket.Route);
        NetlinkBatch batch = new();
        batch.Begin(GetLink, 0, "find").Add(s_anyLink).AddText(LinkName, "lo");

        Assert.Equal("lo", NameOf(Assert.Single(socket.Send(batch, "find a link"))));
    }

    [Fact]
    public void Error_names_the_message_that_failed_and_later_messages_are_done()
    {
        using NetlinkSocket socket = NetlinkSocket.Open(NetlinkSocket.Route);
        NetlinkBatch batch = new();
        batch.Begin(GetLink, 0, "find lo").Add(s_anyLink).AddText(LinkName, "lo");
        batch.Begin(GetLink, 0, "find none").Add(s_anyLink).AddText(LinkName, "no-such-link0");
        batch.Begin(GetLink, 0, "find lo again").Add(s_anyLink).AddText(LinkName, "lo");

        LinuxException failure = Assert.Throws<LinuxException>(() => socket.Send(batch, "find links"));

        Assert.Equal(19, failure.Errno);
        Assert.StartsWith("find links: find none: No such device", failure.Message, StringComparison.Ordinal);

        // What the third message answered is of the past.
        batch.Clear();
        batch.Begin(GetLink, 0, "find").Add(s_anyLink).AddText(LinkName, "lo");
        Assert.Single(socket.Send(batch, "find a link"));
    }

    [Fact]
    public void Kernel_has_its_word()
    {
        using NetlinkSocket socket = NetlinkSocket.Open(NetlinkSocket.Route);
        NetlinkBatch batch = new();
        batch.Begin(GetLink, NetlinkBatch.Dump, "list").Add((long)0);

        LinuxException failure = Assert.Throws<LinuxException>(() => socket.Dump(batch, "list the links"));

        Assert.Contains("Invalid header for link dump", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Transaction_that_is_refused_says_why()
    {
        using NetlinkSocket socket = NetlinkSocket.Open(NetlinkSocket.Netfilter);
        NetlinkBatch batch = new();
        // Subsystem 10 is nftables; message 3 of it asks for a chain, of a table that is not there.
        batch.BeginTransaction(10);
        batch.Begin((10 << 8) | 5, 0, "delete a chain").Add(0x00000002).AddText(1, "no-such-table").AddText(3, "no-such-chain");
        batch.EndTransaction(10);

        LinuxException failure = Assert.Throws<LinuxException>(() => socket.Send(batch, "change nothing"));

        // Without the right to ask, the beginning is refused.
        Assert.Contains(failure.Errno, new[] { Errno.NoSuchFile, 1 });
    }

    [Fact]
    public void Batch_grows_and_pads()
    {
        NetlinkBatch batch = new(bytes: 16);
        batch.Begin(DeleteLink, 0, "one").Add(s_anyLink).AddText(LinkName, "abcd").Open(18).AddByte(1, 7).AddNetworkUInt16(2, 0x0102).Close();

        byte[] bytes = [.. batch.Complete(1, acknowledge: true, out uint last)];

        Assert.Equal(1u, last);
        Assert.Equal(16 + 16 + 12 + 4 + 8 + 8, bytes.Length);
        Assert.Equal(bytes.Length, BitConverter.ToInt32(bytes, 0));
        Assert.Equal(9, BitConverter.ToInt16(bytes, 32));
        Assert.Equal(20, BitConverter.ToInt16(bytes, 44));
        Assert.Equal([1, 2, 0, 0], bytes[60..]);
    }

    private static string NameOf(NetlinkMessage message)
    {
        NetlinkAttributes attributes = message.Attributes(16);
        return attributes.MoveTo(LinkName) ? attributes.Text : "";
    }
}
