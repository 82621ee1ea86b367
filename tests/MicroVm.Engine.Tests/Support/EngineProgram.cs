using MicroVm.Engine.Machines;
using MicroVm.Engine.State;

namespace MicroVm.Engine.Tests.Support;

/// <summary>What this assembly does as a program: one operation of the engine, then nothing until it is killed or its input ends.</summary>
internal static class EngineProgram
{
    public static async Task<int> Main(string[] arguments)
    {
        MicroVmPaths PathsOf(string home) => new(Path.Combine(home, "run"), Path.Combine(home, "data"));
        switch (arguments)
        {
            case ["lock", string directory]:
                using (MachineLock.Acquire(directory, "web", "a test"))
                {
                    Say("held");
                }

                return 0;
            case ["create", string home, string name]:
                MicroVmEngine engine = new(PathsOf(home));
                VirtualMachine machine = await engine.CreateAsync(
                    new VirtualMachineSpec { Name = name, MemoryBytes = 128L << 20 }, start: true, NullObserver.Instance, CancellationToken.None);
                Say(machine.Id.ToString());
                return 0;
            case ["orphan", string home, string name]:
                EngineContext context = new(PathsOf(home), [new DeafDriver(Say)]);
                await BootPlan.CreateAsync(
                    context, new VirtualMachineSpec { Name = name, MemoryBytes = 128L << 20 }, start: true, NullObserver.Instance, CancellationToken.None);
                return 0;
            default:
                Console.Error.WriteLine("What?");
                return 2;
        }
    }

    private static void Say(string line)
    {
        Console.Out.WriteLine(line);
        Console.Out.Flush();
        Console.In.Read();
    }
}
