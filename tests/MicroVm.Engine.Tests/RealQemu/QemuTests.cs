using MicroVm.Engine.Machines;

namespace MicroVm.Engine.Tests.RealQemu;

/// <summary>The tests that share a home run one after the other.</summary>
[CollectionDefinition(Name)]
public sealed class QemuGroup : ICollectionFixture<QemuHome>
{
    public const string Name = "QEMU";
}

/// <summary>Tests with guests in a home; after each one everything it made is removed, and what should not be there fails it.</summary>
[Collection(QemuGroup.Name)]
public abstract class QemuTests(QemuHome home) : IAsyncLifetime
{
    protected QemuHome Home { get; } = home;

    protected MicroVmEngine Engine => Home.Engine;

    protected static IOperationObserver Silent => NullObserver.Instance;

    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync() => Home.SweepAsync();

    protected VirtualMachine Now(VirtualMachine machine) => Engine.FindMachine(machine.Id)!;
}
