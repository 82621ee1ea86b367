using System.Diagnostics;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Native;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.Faults;

/// <summary>What an ordinary user is told who asks for a network that only root can make.</summary>
public sealed class PrivilegeTests
{
    private const string Nobody = "65534";

    [OrdinaryUserFact]
    public async Task Ordinary_user_is_told_what_to_grant_or_to_use_instead()
    {
        using Scratch scratch = new();
        HaltingKernel.Write(FaultVerbs.KernelIn(scratch.Path));
        File.SetUnixFileMode(FaultVerbs.KernelIn(scratch.Path), UnixFileMode.UserRead | UnixFileMode.GroupRead | UnixFileMode.OtherRead);
        using (Process owning = Process.Start("chown", [Nobody, scratch.Path]))
        {
            await owning.WaitForExitAsync().Within("chown");
        }

        ProcessStartInfo start = new("setpriv") { RedirectStandardOutput = true };
        foreach (string word in (string[])["--reuid", Nobody, "--regid", Nobody, "--clear-groups", "dotnet", typeof(PrivilegeTests).Assembly.Location, "nat", scratch.Path])
        {
            start.ArgumentList.Add(word);
        }

        using Process process = Process.Start(start)!;
        string[] said = (await process.StandardOutput.ReadToEndAsync().Within("what it says")).Split('\n');
        await process.WaitForExitAsync().Within("its end");

        Assert.Equal(0, process.ExitCode);
        Assert.Equal(ErrorIds.PermissionDenied, said[0]);
        Assert.Contains("root", said[2], StringComparison.OrdinalIgnoreCase);
        Assert.Contains("User", said[2], StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(scratch.File("data/vms")));
        Assert.DoesNotContain(Directory.EnumerateFileSystemEntries(scratch.File("data/names")), entry => !entry.EndsWith("lock", StringComparison.Ordinal));
    }

    private sealed class OrdinaryUserFactAttribute : FactAttribute
    {
        public OrdinaryUserFactAttribute() => Skip = Host.WhyNoQemu ?? Host.WhyNotRoot
            ?? (ProgramFinder.Find("setpriv") is null ? "setpriv is not installed." : null)
            ?? (!IsForAll(typeof(PrivilegeTests).Assembly.Location) ? "These tests lie where no ordinary user may look." : null);

        private static bool IsForAll(string path)
        {
            for (string? part = path; part is not null; part = Path.GetDirectoryName(part))
            {
                if ((File.GetUnixFileMode(part) & (Directory.Exists(part) ? UnixFileMode.OtherExecute : UnixFileMode.OtherRead)) == 0)
                {
                    return false;
                }
            }

            return true;
        }
    }
}
