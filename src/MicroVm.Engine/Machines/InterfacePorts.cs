using MicroVm.Engine.State;

namespace MicroVm.Engine.Machines;

/// <summary>
/// The ports that a machine's network interfaces are plugged into. A guest numbers its interfaces by their ports when it boots. Each port costs a guest some three
/// milliseconds of emulated boot, so there are no more than may be of use.
/// </summary>
internal static class InterfacePorts
{
    // What can be added before the next boot, which gives as many again.
    private const int Spare = 2;

    /// <summary>Gives the interfaces of a machine that is about to boot their ports, in their order, and leaves some free. A machine without ports stays as it is.</summary>
    public static MachineHardware Arrange(MachineHardware hardware) => hardware.HotPlugPorts == 0
        ? hardware
        : hardware with
        {
            HotPlugPorts = hardware.Interfaces.Count + Spare,
            Interfaces = [.. hardware.Interfaces.Select((one, i) => one with { Port = i })],
        };

    /// <summary>A port that nothing is plugged into, or null.</summary>
    public static int? FindFree(MachineHardware hardware) =>
        Enumerable.Range(0, hardware.HotPlugPorts).Except(hardware.Interfaces.Select(one => one.Port).OfType<int>()).Select(port => (int?)port).FirstOrDefault();
}
