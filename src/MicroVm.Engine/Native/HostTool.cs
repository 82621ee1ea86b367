using System.ComponentModel;
using System.Diagnostics;
using MicroVm.Engine.Errors;

namespace MicroVm.Engine.Native;

/// <summary>A program of the host that the engine runs: without a shell, with a deadline, and gone when the caller cancels.</summary>
/// <param name="Name">The program's name, looked up in PATH and the system directories, or its absolute path.</param>
/// <param name="Package">The Debian package that brings it, for the advice when it is missing.</param>
internal sealed record HostTool(string Name, string Package)
{
    // More of a failing tool's complaints than this helps nobody.
    private const int ErrorTextLimit = 2000;

    private static readonly TimeSpan s_shortestPause = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan s_longestPause = TimeSpan.FromSeconds(1);

    /// <summary>The program file, or null when it is not installed.</summary>
    public string? Find() => Path.IsPathRooted(Name) ? Name : ProgramFinder.Find(Name);

    /// <summary>Runs the program and returns what it wrote to its standard output.</summary>
    /// <exception cref="MicroVmException">ToolFailed: not installed, ended with an error, or still running after <paramref name="timeout"/>.</exception>
    public async Task<string> RunAsync(IReadOnlyList<string> arguments, TimeSpan timeout, CancellationToken cancellationToken, string? workingDirectory = null)
    {
        string text = "";
        await StreamAsync(
            arguments,
            timeout,
            static (input, _) => Task.CompletedTask,
            async (output, token) =>
            {
                using StreamReader reader = new(output);
                text = await reader.ReadToEndAsync(token);
            },
            cancellationToken,
            workingDirectory);
        return text;
    }

    /// <summary>Runs the program with its standard input and output as streams, both served at the same time.</summary>
    /// <exception cref="MicroVmException">ToolFailed: not installed, ended with an error, or still running after <paramref name="timeout"/>.</exception>
    public async Task StreamAsync(
        IReadOnlyList<string> arguments,
        TimeSpan timeout,
        Func<Stream, CancellationToken, Task> writeInput,
        Func<Stream, CancellationToken, Task> readOutput,
        CancellationToken cancellationToken,
        string? workingDirectory = null)
    {
        cancellationToken.ThrowIfCancellationRequested();
        using CancellationTokenSource deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(timeout);
        using Process process = await StartAsync(arguments, workingDirectory, cancellationToken);
        // Reads of a pipe cannot be interrupted, but they end with the program.
        using CancellationTokenRegistration kill = deadline.Token.Register(() => Kill(process));
        Task<string> errors = process.StandardError.ReadToEndAsync(CancellationToken.None);
        Exception? transfer = null;
        try
        {
            await Task.WhenAll(WriteAsync(process, writeInput, deadline.Token), readOutput(process.StandardOutput.BaseStream, deadline.Token));
        }
        catch (Exception exception)
        {
            // When the program failed, its own words say more than the broken pipe does.
            transfer = exception;
            process.StandardOutput.Close();
        }

        if (transfer is not (null or IOException))
        {
            Kill(process);
        }

        await process.WaitForExitAsync(CancellationToken.None);
        cancellationToken.ThrowIfCancellationRequested();
        if (deadline.IsCancellationRequested)
        {
            throw Failure(ErrorKind.Timeout, $"{Name} did not finish in {timeout.TotalSeconds:0} seconds.", transfer);
        }

        if (process.ExitCode != 0 && transfer is null or IOException)
        {
            string text = (await errors).Trim();
            throw Failure(ErrorKind.ResourceUnavailable, $"{Name} ended with exit code {process.ExitCode}.", new IOException(Shorten(text), transfer));
        }

        if (transfer is not null)
        {
            throw Failure(ErrorKind.InvalidData, $"What {Name} wrote could not be used.", transfer);
        }
    }

    private static string Shorten(string text) => text.Length <= ErrorTextLimit ? text : "…" + text[^ErrorTextLimit..];

    private static async Task WriteAsync(Process process, Func<Stream, CancellationToken, Task> writeInput, CancellationToken cancellationToken)
    {
        await using Stream input = process.StandardInput.BaseStream;
        await writeInput(input, cancellationToken);
    }

    private static void Kill(Process process)
    {
        try
        {
            process.Kill(entireProcessTree: true);
        }
        catch (InvalidOperationException)
        {
            // It ended by itself just before.
        }
    }

    private async Task<Process> StartAsync(IReadOnlyList<string> arguments, string? workingDirectory, CancellationToken cancellationToken)
    {
        string program = Find() ?? throw new MicroVmException(ErrorIds.ToolFailed, ErrorKind.NotInstalled, $"{Name} is not installed.")
        {
            Target = Name,
            RecommendedAction = $"apt-get install {Package}",
        };
        ProcessStartInfo start = new(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = workingDirectory ?? "",
        };
        start.Environment["LC_ALL"] = "C.UTF-8";
        for (TimeSpan pause = s_shortestPause; ; pause = Pauses.After(pause, s_longestPause))
        {
            try
            {
                return Process.Start(start)!;
            }
            catch (Win32Exception exception) when (exception.NativeErrorCode == Errno.TextBusy && pause < s_longestPause)
            {
                // A child that another thread was just starting when this program was written has it open for writing, until it becomes a program itself.
                await Task.Delay(pause, cancellationToken);
            }
            catch (Win32Exception exception)
            {
                throw Failure(ErrorKind.ResourceUnavailable, $"{Name} could not be started.", exception);
            }
        }
    }

    private MicroVmException Failure(ErrorKind kind, string message, Exception? inner) => new(ErrorIds.ToolFailed, kind, message, inner) { Target = Name };
}
