using System.Diagnostics;
using System.Runtime.InteropServices;
using MicroVm.Engine.Native;
using MicroVm.Engine.Storage;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.Storage;

public sealed class ReseedProgramTests : IDisposable
{
    private const int NotPermitted = 1;

    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [RootFact]
    public async Task Reseeds_the_kernel_when_root_runs_it() => Assert.Equal(0, await RunAsync([]));

    [RootFact]
    public async Task Says_what_the_kernel_refuses_to_others()
    {
        Assert.NotNull(ProgramFinder.Find("setpriv"));
        Assert.Equal(NotPermitted, await RunAsync(["setpriv", "--reuid=65534", "--clear-groups"]));
    }

    [Fact]
    public void Is_an_executable_for_both_architectures()
    {
        Assert.All((Architecture[])[Architecture.X64, Architecture.Arm64], architecture =>
        {
            ElfFile file = new(ReseedProgram.For(architecture));
            Assert.Null(file.InterpreterPath);
            Assert.Empty(file.NeededLibraries);
        });
        Assert.Throws<InvalidDataException>(() => ReseedProgram.For(Architecture.S390x));
    }

    private async Task<int> RunAsync(string[] wrapper)
    {
        // Where an ordinary user finds it too.
        string path = _scratch.File("reseed");
        File.SetUnixFileMode(_scratch.Path, (UnixFileMode)0b111_101_101);
        File.WriteAllBytes(path, ReseedProgram.For(RuntimeInformation.OSArchitecture));
        File.SetUnixFileMode(path, (UnixFileMode)0b101_101_101);
        ProcessStartInfo start = new(wrapper.Length > 0 ? wrapper[0] : path) { RedirectStandardInput = true };
        foreach (string argument in wrapper.Skip(1).Concat(wrapper.Length > 0 ? [path] : []))
        {
            start.ArgumentList.Add(argument);
        }

        using Process process = Process.Start(start)!;
        await process.StandardInput.BaseStream.WriteAsync(new byte[700]);
        process.StandardInput.Close();
        await process.WaitForExitAsync().Within("the program to end");
        return process.ExitCode;
    }
}
