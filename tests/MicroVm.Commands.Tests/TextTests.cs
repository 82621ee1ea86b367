using System.Management.Automation;
using Xunit;

namespace MicroVm.Commands.Tests;

public class TextTests
{
    [Theory]
    [InlineData("plain\ttext ä", "plain\ttext ä")]
    [InlineData("line\r", "line")]
    [InlineData("\u001b[31mred\u001b[0m", "red")]
    [InlineData("\u009b2Jcleared", "cleared")]
    [InlineData("\u001b]0;title\u0007text", "text")]
    [InlineData("\u001b]52;c;cm0gLXJm\u001b\\text", "text")]
    [InlineData("\u001bPdcs\u009ctext", "text")]
    [InlineData("\u001b(Btext", "text")]
    [InlineData("\u001bctext", "text")]
    [InlineData("text\u001b", "text")]
    [InlineData("\u001b]0;never ended", "0;never ended")]
    [InlineData("\u001b[\u001b[31mnested", "nested")]
    [InlineData("bell\u0007 over\bwrite\r!", "bell\\x07 over\\x08write\\x0d!")]
    [InlineData("\u0085\u007f", "\\x85\\x7f")]
    public void Guest_text_cannot_act_on_the_terminal(string line, string expected) => Assert.Equal(expected, TerminalText.Neutralise(line));

    [Fact]
    public void No_control_character_survives_in_any_company()
    {
        Random random = new(1);
        const string Alphabet = "\u001b\u001b\u001b[]P\\;?0m\u0007\u009b\u009c\u009d\u0090\t\r x";
        for (int round = 0; round < 20000; round++)
        {
            string line = new(random.GetItems<char>(Alphabet, random.Next(1, 24)));
            Assert.DoesNotContain(TerminalText.Neutralise(line), c => char.IsControl(c) && c != '\t');
        }
    }

    [Theory]
    [InlineData(0, "0 B")]
    [InlineData(1023, "1023 B")]
    [InlineData(512L << 20, "512 MiB")]
    [InlineData(1536L << 20, "1.5 GiB")]
    [InlineData(5L << 50, "5120 TiB")]
    public void Sizes_are_shown_in_their_unit(long bytes, string expected) => Assert.Equal(expected, DisplayText.Size(bytes));

    [PwshTheory]
    [InlineData("512MB", 512L << 20)]
    [InlineData("512 MiB", 512L << 20)]
    [InlineData("0.5gb", 512L << 20)]
    [InlineData("2T", 2L << 40)]
    [InlineData("4096K", 4096L << 10)]
    public void Sizes_are_read_as_text(string text, long expected) =>
        Assert.Equal(expected, new SizeTransformationAttribute().Transform(null!, text));

    [PwshTheory]
    [InlineData("12")]
    [InlineData("many")]
    [InlineData("1 MB more")]
    public void What_is_no_size_is_left_to_PowerShell(string text) =>
        Assert.Equal(text, new SizeTransformationAttribute().Transform(null!, text));

    [PwshTheory]
    [InlineData("0.3K")]
    [InlineData("999999999999999999G")]
    public void A_size_that_is_no_number_of_bytes_is_refused(string text) =>
        Assert.Throws<ArgumentTransformationMetadataException>(() => new SizeTransformationAttribute().Transform(null!, text));
}
