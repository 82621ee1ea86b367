using System.Text;
using MicroVm.Engine.Storage;

namespace MicroVm.Engine.Tests.Storage;

public class InitramfsTests
{
    [Fact]
    public void Our_scripts_take_the_place_of_applets()
    {
        string archive = Write();

        Assert.Contains("bin/sh", archive);
        Assert.Matches("sbin/poweroff\0+/lib/microvm/shutdown\0", archive);
        Assert.DoesNotMatch("sbin/poweroff\0+/bin/busybox\0", archive);
        Assert.Contains("lib/modules/6.1/modules.dep", archive);
    }

    [Fact]
    public void Contract_is_written_from_the_constants()
    {
        string archive = Write();

        Assert.Contains($"READY_MARKER='{GuestContract.ReadyMarker}'", archive);
        Assert.Contains($"CONFIG_SERIAL='{GuestContract.ConfigurationSerial}'", archive);
        Assert.Contains($"OVERLAY_SERIAL='{GuestContract.OverlaySerial}'", archive);
    }

    [Fact]
    public void Ready_marker_stands_only_in_the_contract()
    {
        // Were it in a kernel argument or a script, the console could show it too early.
        Assert.DoesNotContain(GuestContract.KernelArguments, argument => argument.Contains(GuestContract.ReadyMarker, StringComparison.Ordinal));
        Assert.Single(Write().Split(GuestContract.ReadyMarker).Skip(1));
    }

    [Fact]
    public void Scripts_have_an_interpreter_and_unix_line_ends()
    {
        foreach ((string _, UnixFileMode mode, string resource) in GuestFiles.All)
        {
            string text = Encoding.UTF8.GetString(GuestFiles.Read(resource));
            Assert.DoesNotContain('\r', text);
            Assert.Equal(mode.HasFlag(UnixFileMode.UserExecute), text.StartsWith("#!/bin/sh\n", StringComparison.Ordinal));
        }
    }

    private static string Write()
    {
        using MemoryStream stream = new();
        new Initramfs
        {
            Busybox = [1],
            Applets = ["bin/sh", "sbin/poweroff", "sbin/init"],
            KernelRelease = "6.1",
            Modules = [],
            Programs = new Dictionary<string, byte[]>(),
        }.Write(stream);
        return Encoding.Latin1.GetString(stream.ToArray());
    }
}
