using System.Text;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Guest.Files;

namespace MicroVm.Engine.Tests.Guest;

/// <summary>What a guest says of its files is not believed.</summary>
public sealed class GuestListingTests
{
    private const string Root = ".//41ed 4096 1700000000\n";

    [Fact]
    public void Tree_is_read_with_odd_names()
    {
        IReadOnlyList<TreeEntry> entries = Parse(
            Root + "./a b//41e8 4096 1700000001\n./a b/line\nfeed//89ed 12 1700000002\n./-n//a1ff 3 -5\n./\u00fc//11a4 0 1700000003\n");

        Assert.Equal(
            [
                new TreeEntry("", EntryKind.Directory, (UnixFileMode)0x1ED, 4096, 1700000000),
                new TreeEntry("a b", EntryKind.Directory, (UnixFileMode)0x1E8, 4096, 1700000001),
                // Without its set-user-id bit.
                new TreeEntry("a b/line\nfeed", EntryKind.File, (UnixFileMode)0x1ED, 12, 1700000002),
                new TreeEntry("-n", EntryKind.Link, (UnixFileMode)0x1FF, 3, 0),
                new TreeEntry("\u00fc", EntryKind.Other, (UnixFileMode)0x1A4, 0, 1700000003),
            ],
            entries);
        Assert.Equal("/place/a b/line\nfeed", entries[2].Below("/place"));
    }

    [Fact]
    public void File_alone_is_read() => Assert.Equal("/place", Assert.Single(Parse(".//81a4 5 1700000000\n")).Below("/place"));

    [Theory]
    [InlineData("../x//81a4 1 1\n")]
    [InlineData("/etc/passwd//81a4 1 1\n")]
    [InlineData("./../x//81a4 1 1\n")]
    [InlineData("./a/../../x//81a4 1 1\n")]
    [InlineData("././/81a4 1 1\n")]
    [InlineData("..//81a4 1 1\n")]
    [InlineData("//81a4 1 1\n")]
    [InlineData("x//81a4 1 1\n")]
    [InlineData("./\0x//81a4 1 1\n")]
    public void Path_that_leaves_the_tree_is_refused(string entry) => AssertRefused(Root + entry);

    [Fact]
    public void Name_longer_than_any_is_refused() => AssertRefused($"{Root}./{new string('\u00fc', 128)}//81a4 1 1\n");

    [Theory]
    [InlineData("./link//a1ff 4 1\n./link/x//81a4 1 1\n")]
    [InlineData("./file//81a4 4 1\n./file/x//81a4 1 1\n")]
    [InlineData("./later/x//81a4 1 1\n./later//41ed 1 1\n")]
    [InlineData("./x//a1ff 4 1\n./x//41ed 1 1\n")]
    [InlineData(".//41ed 1 1\n")]
    public void Entry_of_what_is_no_directory_and_entry_that_comes_twice_are_refused(string entries) => AssertRefused(Root + entries);

    [Theory]
    [InlineData("")]
    [InlineData(".//a1ff 4 1\n")]
    [InlineData("./x//81a4 1 1\n")]
    [InlineData(".")]
    [InlineData(".//41ed 4096 1700000000")]
    [InlineData(".//41ed 4096\n")]
    [InlineData(".//41ed -1 1\n")]
    [InlineData(".//41ed 4096 1 1\n")]
    [InlineData(".//rwx 4096 1\n")]
    [InlineData(".//41ed 99999999999999999999 1\n")]
    public void What_is_no_list_is_refused(string text) => AssertRefused(text);

    [Fact]
    public void Name_that_is_not_UTF_8_is_refused()
    {
        MicroVmException failure = Assert.Throws<MicroVmException>(() => GuestListing.Parse([.. ".//41ed 1 1\n./"u8, 0xFF, .. "//81a4 1 1\n"u8], "/source", "web"));

        Assert.Equal((ErrorIds.GuestCopyFailed, ErrorKind.NotSupported), (failure.ErrorId, failure.Kind));
        Assert.Contains("/source", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void List_that_was_cut_off_is_refused()
    {
        byte[] output = new byte[GuestListing.MostBytes];

        Assert.Equal(ErrorKind.NotSupported, Assert.Throws<MicroVmException>(() => GuestListing.Parse(output, "/source", "web")).Kind);
    }

    [Fact]
    public void List_with_gaps_is_refused() => Assert.Equal(ErrorKind.ResourceUnavailable, Assert.Throws<MicroVmException>(() => Parse(Root + "!")).Kind);

    [Fact]
    public void Names_in_messages_do_not_act_on_the_terminal() =>
        Assert.DoesNotContain('\x1b', Assert.Throws<MicroVmException>(() => Parse(Root + "../\x1b[2J//81a4 1 1\n")).Message);

    [Fact]
    public void Targets_of_links_are_read() => Assert.Equal(["/etc/passwd", "a\nb\n"], GuestListing.ParseTargets("/etc/passwd\0a\nb\n\0"u8, 2, "/source", "web"));

    [Theory]
    [InlineData("a\0")]
    [InlineData("a\0b")]
    [InlineData("a\0b\0c\0")]
    [InlineData("a\0\0")]
    public void Other_targets_than_those_asked_for_are_refused(string output) => Assert.Equal(
        ErrorKind.InvalidData, Assert.Throws<MicroVmException>(() => GuestListing.ParseTargets(Encoding.UTF8.GetBytes(output), 2, "/source", "web")).Kind);

    private static IReadOnlyList<TreeEntry> Parse(string text) => GuestListing.Parse(Encoding.UTF8.GetBytes(text), "/source", "web");

    private static void AssertRefused(string text)
    {
        MicroVmException failure = Assert.Throws<MicroVmException>(() => Parse(text));
        Assert.Equal((ErrorIds.GuestCopyFailed, ErrorKind.InvalidData), (failure.ErrorId, failure.Kind));
    }
}
