using System.Globalization;
using System.Text;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Guest.Agent;
using MicroVm.Engine.Guest.Commands;
using MicroVm.Engine.Keeper;
using MicroVm.Engine.Machines;
using MicroVm.Engine.Native;
using MicroVm.Engine.Network;
using MicroVm.Engine.State;
using MicroVm.Engine.Tests.Faults;
using MicroVm.Engine.Tests.Network;

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
            case ["passt"]:
                using (NetworkBackend backend = Passt.Start(PasstWorld.Device, [new PublishedPort("127.0.0.1", 8080, 80)], 1500, program: null, CancellationToken.None))
                {
                    Console.Out.WriteLine(backend.Helper!.ProcessId);
                    Console.Out.Flush();
                    Thread.Sleep(Timeout.Infinite);
                }

                return 0;
            case ["keeper", .. string[] rest]:
                return KeeperProgram.Run(rest);
            case ["spares", string home, string networkNamespace]:
                using (HostNetwork host = new(File.OpenHandle(networkNamespace)))
                using (SpareService spares = new(new EngineContext(PathsOf(home), hostNetwork: host), new KeeperOptions(), Console.Error.WriteLine))
                {
                    await spares.RunAsync(CancellationToken.None);
                }

                return 0;
            case ["turn", string directory]:
                using (await AgentTurn.TakeAsync(directory, CancellationToken.None))
                {
                    Say("held");
                }

                return 0;
            case ["commands", string home, string id, string prefix, string count]:
                await RunCommandsAsync(new MicroVmEngine(PathsOf(home)), Guid.Parse(id), prefix, int.Parse(count, CultureInfo.InvariantCulture));
                Say("done");
                return 0;
            case ["fault", string home, string network, string verb, string subject, string fatal]:
                using (ProcessDescriptor self = ProcessDescriptor.TryOpen(Environment.ProcessId)!)
                {
                    using FaultScope scope = new(point => _ = point == fatal && self.Signal(Signals.Kill));
                    HostNetwork? host = network.Length == 0 ? null : new HostNetwork(File.OpenHandle(network));
                    await FaultVerbs.RunAsync(new MicroVmEngine(new EngineContext(PathsOf(home), hostNetwork: host)), verb, Guid.Parse(subject), home, NullObserver.Instance, CancellationToken.None);
                }

                return 0;
            case ["nat", string home]:
                try
                {
                    await new MicroVmEngine(PathsOf(home)).CreateAsync(FaultVerbs.Spec(home) with { Interfaces = [new NetworkInterfaceSpec { Mode = NetworkMode.Nat }] }, start: true, NullObserver.Instance, CancellationToken.None);
                    return 1;
                }
                catch (MicroVmException exception)
                {
                    Console.Out.WriteLine($"{exception.ErrorId}\n{exception.Message}\n{exception.RecommendedAction}");
                    return 0;
                }

            default:
                Console.Error.WriteLine("What?");
                return 2;
        }
    }

    /// <summary>Runs commands one after the other, each of which says who it is.</summary>
    public static async Task RunCommandsAsync(MicroVmEngine engine, Guid id, string prefix, int count)
    {
        for (int i = 0; i < count; i++)
        {
            string expected = string.Create(CultureInfo.InvariantCulture, $"{prefix} {i}\n");
            StringBuilder said = new();
            GuestCommandEnd end = await engine.RunCommandAsync(
                id,
                new GuestCommand { FilePath = "echo", ArgumentList = [expected.TrimEnd()] },
                piece =>
                {
                    said.Append(Encoding.ASCII.GetString(piece.Bytes.Span));
                    return Task.CompletedTask;
                },
                NullObserver.Instance,
                CancellationToken.None);
            if (end.ExitCode != 0 || said.ToString() != expected)
            {
                throw new InvalidOperationException($"'{expected.TrimEnd()}' ended with {end.ExitCode} and said '{said}'.");
            }
        }
    }

    private static void Say(string line)
    {
        Console.Out.WriteLine(line);
        Console.Out.Flush();
        Console.In.Read();
    }
}
