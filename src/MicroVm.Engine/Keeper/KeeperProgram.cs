using System.Globalization;
using System.Runtime.InteropServices;
using MicroVm.Engine.Machines;
using MicroVm.Engine.State;

namespace MicroVm.Engine.Keeper;

/// <summary>The keeper as a program: what a front end's helper process calls, and does nothing else.</summary>
public static class KeeperProgram
{
    /// <summary>Keeps a state directory until nothing is to be kept any more, or until SIGTERM. The lock is descriptor 3, as the engine hands it on.</summary>
    /// <param name="arguments">What the engine appends to those of <see cref="KeeperCommand"/>: run directory, data directory, module file.</param>
    /// <returns>The exit code.</returns>
    public static int Run(string[] arguments)
    {
        if (arguments is not [string runDirectory, string dataDirectory, _])
        {
            Console.Error.WriteLine("The keeper is started by the engine, with two directories and a file.");
            return 2;
        }

        using CancellationTokenSource end = new();
        void Stop(PosixSignalContext context)
        {
            context.Cancel = true;
            end.Cancel();
        }

        using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        try
        {
            using KeeperLock held = KeeperLock.Inherited(KeeperStarter.LockDescriptor);
            if (!held.TryTake())
            {
                Say("There is another keeper.");
                return 0;
            }

            EngineContext context = new(new MicroVmPaths(runDirectory, dataDirectory));
            new KeeperWork(context, OptionsFromEnvironment(), Say).RunAsync(held, end.Token).GetAwaiter().GetResult();
            return 0;
        }
        catch (OperationCanceledException)
        {
            return 0;
        }
        catch (Exception exception)
        {
            Say($"Ended: {exception}");
            return 1;
        }
    }

    /// <summary>Writes a line for keeper.log.</summary>
    internal static void Say(string line) =>
        Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{DateTimeOffset.Now:yyyy-MM-dd HH:mm:ss} [{Environment.ProcessId}] {line}"));

    // For tests, in milliseconds.
    private static KeeperOptions OptionsFromEnvironment() =>
        int.TryParse(Environment.GetEnvironmentVariable(KeeperStarter.IdleVariable), NumberStyles.None, CultureInfo.InvariantCulture, out int idle)
            ? new KeeperOptions { IdleLimit = TimeSpan.FromMilliseconds(idle) }
            : new KeeperOptions();
}
