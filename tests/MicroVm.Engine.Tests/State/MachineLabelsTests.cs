using MicroVm.Engine.Errors;
using MicroVm.Engine.State;

namespace MicroVm.Engine.Tests.State;

public sealed class MachineLabelsTests
{
    [Fact]
    public void Tags_are_in_order_and_found_without_regard_to_case()
    {
        IReadOnlyDictionary<string, string> tags = MachineLabels.CheckTags(new Dictionary<string, string> { ["tier"] = "2", ["Role"] = "" });

        Assert.Equal(["Role", "tier"], tags.Keys);
        Assert.Equal("2", tags["TIER"]);
    }

    [Fact]
    public void Largest_tags_are_taken()
    {
        Dictionary<string, string> tags = Enumerable.Range(10, 64).ToDictionary(i => new string('k', 126) + i, _ => new string('v', 256));

        Assert.Equal(64, MachineLabels.CheckTags(tags).Count);
    }

    public static TheoryData<Dictionary<string, string>, string> Bad => new()
    {
        { Enumerable.Range(0, 65).ToDictionary(i => $"k{i}", _ => ""), "There are 65 tags" },
        { new() { [""] = "x" }, "The tag key ''" },
        { new() { [new string('k', 129)] = "x" }, "The tag key" },
        { new() { ["a\u0007"] = "x" }, "The tag key 'a?'" },
        { new() { ["a"] = new string('v', 257) }, "The value of tag 'a'" },
        { new() { ["a"] = "\u001b[0m" }, "The value of tag 'a'" },
        { new() { ["a"] = null! }, "The value of tag 'a'" },
        { new() { ["a"] = "1", ["A"] = "2" }, "The tag 'A' is given twice" },
    };

    [Theory]
    [MemberData(nameof(Bad))]
    public void Bad_tags(Dictionary<string, string> tags, string message)
    {
        MicroVmException error = Assert.Throws<MicroVmException>(() => MachineLabels.CheckTags(tags));

        Assert.Equal(ErrorIds.InvalidMicroVmSpec, error.ErrorId);
        Assert.StartsWith(message, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null, null)]
    [InlineData("", null)]
    [InlineData("two\nlines\t", "two\nlines\t")]
    public void Good_descriptions(string? given, string? kept) => Assert.Equal(kept, MachineLabels.CheckDescription(given));

    [Fact]
    public void Bad_descriptions() => Assert.All(
        [new string('x', 4097), "\u001b[0m"], text => Assert.Equal(ErrorIds.InvalidMicroVmSpec, Assert.Throws<MicroVmException>(() => MachineLabels.CheckDescription(text)).ErrorId));
}
