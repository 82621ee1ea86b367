using System.Net;
using MicroVm.Engine.Errors;
using MicroVm.Engine.State;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.State;

public sealed class HostSettingsTests : IDisposable
{
    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void Without_a_file_they_are_the_defaults() => Assert.Equal(new HostSettings(), HostSettings.Read(_scratch.Paths));

    [Theory]
    [InlineData("fd12:3456:789a::/64")]
    [InlineData(null)]
    public void Settings_are_read_as_they_were_written(string? six)
    {
        HostSettings settings = new()
        {
            AddressPool = IPNetwork.Parse("10.213.0.0/17"),
            AddressPoolV6 = six is null ? null : IPNetwork.Parse(six),
            SpareSlots = 8,
        };

        settings.Write(_scratch.Paths);

        Assert.Equal(settings, HostSettings.Read(_scratch.Paths));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("{ \"version\": 2, \"addressPool\": \"10.213.0.0/17\", \"addressPoolV6\": \"\", \"spareSlots\": 0 }")]
    [InlineData("{ \"version\": 1, \"addressPool\": \"here\", \"addressPoolV6\": \"\", \"spareSlots\": 0 }")]
    public void Damaged_file_is_StateCorrupt_and_named(string content)
    {
        new HostSettings().Write(_scratch.Paths);
        File.WriteAllText(_scratch.Paths.HostSettingsFile, content);

        MicroVmException error = Assert.Throws<MicroVmException>(() => HostSettings.Read(_scratch.Paths));

        Assert.Equal(ErrorIds.StateCorrupt, error.ErrorId);
        Assert.Equal(_scratch.Paths.HostSettingsFile, error.Target);
    }
}
