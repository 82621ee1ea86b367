using MicroVm.Engine.Errors;
using MicroVm.Engine.Network;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.Network;

public sealed class TapPortTests : IDisposable
{
    private readonly Netns? _place = Netns.WhyNot is null ? new() : null;

    private Netns Place => _place!;

    public void Dispose() => _place?.Dispose();

    [NetnsFact]
    public void Device_is_taken_by_the_name_or_path_of_its_namespace_and_stays()
    {
        Place.Ip("tuntap", "add", "dev", "tap7", "mode", "tap");
        foreach (string place in (string[])[Place.Name, $"/run/netns/{Place.Name}"])
        {
            using NetworkBackend backend = TapPort.Open(place, "tap7");
            Assert.Equal((false, "tap7", null), (backend.IsStream, backend.LinkName, backend.Helper));
            Assert.Contains("LOWER_UP", Raised(), StringComparison.Ordinal);
        }

        Assert.Contains("NO-CARRIER", Raised(), StringComparison.Ordinal);
    }

    [NetnsFact]
    public void Device_with_several_queues_is_taken_as_well()
    {
        Place.Ip("tuntap", "add", "dev", "tap7", "mode", "tap", "multi_queue");

        using NetworkBackend backend = TapPort.Open(Place.Name, "tap7");
        MicroVmException error = Assert.Throws<MicroVmException>(() => TapPort.Open(Place.Name, "tap7"));

        Assert.Equal((ErrorIds.TapDeviceUnusable, ErrorKind.Busy), (error.ErrorId, error.Kind));
    }

    [NetnsFact]
    public void Device_that_somebody_has_is_busy()
    {
        Place.Ip("tuntap", "add", "dev", "tap7", "mode", "tap");
        using NetworkBackend backend = TapPort.Open(Place.Name, "tap7");

        MicroVmException error = Assert.Throws<MicroVmException>(() => TapPort.Open(Place.Name, "tap7"));

        Assert.Equal((ErrorIds.TapDeviceUnusable, ErrorKind.Busy), (error.ErrorId, error.Kind));
    }

    [NetnsTheory]
    [InlineData("tap8")]
    [InlineData("a-name-that-is-too-long-for-a-device")]
    public void Missing_device_is_a_typed_error_and_is_not_made(string device)
    {
        Place.Ip("tuntap", "add", "dev", "tap7", "mode", "tap");

        MicroVmException error = Assert.Throws<MicroVmException>(() => TapPort.Open(Place.Name, device));

        Assert.Equal(ErrorIds.TapDeviceNotFound, error.ErrorId);
        Assert.Contains("tap7", error.RecommendedAction, StringComparison.Ordinal);
        Assert.DoesNotContain("tap8", Place.Execute("ip", "link", "show"), StringComparison.Ordinal);
    }

    [NetnsFact]
    public void Device_of_another_kind_is_refused()
    {
        Place.Ip("tuntap", "add", "dev", "tun7", "mode", "tun");

        Assert.Equal(ErrorIds.TapDeviceUnusable, Assert.Throws<MicroVmException>(() => TapPort.Open(Place.Name, "tun7")).ErrorId);
        Assert.Equal(ErrorIds.TapDeviceUnusable, Assert.Throws<MicroVmException>(() => TapPort.Open(Place.Name, "lo")).ErrorId);
    }

    [NetnsFact]
    public void Missing_namespace_is_a_typed_error_that_names_those_there_are()
    {
        MicroVmException error = Assert.Throws<MicroVmException>(() => TapPort.Open("mvt-none", "tap7"));

        Assert.Equal(ErrorIds.NetworkNamespaceNotFound, error.ErrorId);
        Assert.Contains(Place.Name, error.RecommendedAction, StringComparison.Ordinal);
        Assert.Equal(ErrorIds.NetworkNamespaceNotFound, Assert.Throws<MicroVmException>(() => TapPort.Open("/etc/hostname", "tap7")).ErrorId);
    }

    private string Raised()
    {
        Place.Ip("link", "set", "tap7", "up");
        return Place.Execute("ip", "link", "show", "tap7");
    }
}
