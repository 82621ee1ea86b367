using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using MicroVm.Engine.Native;

namespace MicroVm.Engine.Vmm.Qemu;

/// <summary>QEMU's command line (qemu-system(1)).</summary>
internal static class QemuLaunch
{
    // Descriptors 0 to 2 are the standard ones.
    private const int ControlDescriptor = 3;
    private const int SerialDescriptor = 4;

    private static readonly string[] s_sandbox = ["-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"];

    /// <summary>The QMP socket.</summary>
    public static string ControlSocketIn(string runDirectory) => Path.Combine(runDirectory, "qmp.sock");

    /// <summary>The serial console's socket.</summary>
    public static string SerialSocketIn(string runDirectory) => Path.Combine(runDirectory, "serial.sock");

    /// <summary>What the paths of the agent's two pipes begin with.</summary>
    public static string AgentPipeIn(string runDirectory) => Path.Combine(runDirectory, "agent");

    /// <summary>
    /// Makes the sockets and pipes and composes the command. The sockets listen before QEMU starts, so connecting needs no polling: the first answer waits in QEMU's
    /// own start-up.
    /// </summary>
    public static VmmCommand Compose(string program, VmmMachine machine)
    {
        List<SafeHandle> descriptors = [];
        try
        {
            SafeFileHandle output = File.OpenHandle(machine.VmmLogPath, FileMode.Append, FileAccess.Write, FileShare.ReadWrite);
            descriptors.Add(File.OpenHandle("/dev/null", FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite));
            descriptors.Add(output);
            descriptors.Add(output);
            descriptors.Add(VmmSocket.Listen(ControlSocketIn(machine.RunDirectory)));
            descriptors.Add(VmmSocket.Listen(SerialSocketIn(machine.RunDirectory)));
            // The caller's memory file stays the caller's: the VMM gets a descriptor of it all the same.
            descriptors.Add(new SafeFileHandle(machine.Memory.DangerousGetHandle(), ownsHandle: false));
            if (machine.AgentPort is not null)
            {
                Fifo.Create(AgentPipeIn(machine.RunDirectory) + ".in");
                Fifo.Create(AgentPipeIn(machine.RunDirectory) + ".out");
            }

            return new VmmCommand(program, [.. Arguments(machine), .. QemuNetwork.Compose(machine, descriptors)], descriptors);
        }
        catch
        {
            descriptors.ForEach(descriptor => descriptor.Dispose());
            throw;
        }
    }

    private static List<string> Arguments(VmmMachine machine)
    {
        bool kvm = machine.Accelerator == AcceleratorKind.Kvm;
        string memory = (machine.MemoryBytes >> 20).ToString(CultureInfo.InvariantCulture) + "M";
        List<string> arguments =
        [
            "-name", $"guest={machine.Name}",
            "-uuid", machine.Id.ToString(),
            "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            // Device state is saved without its description, see QemuSnapshot. Should QEMU crash, the guest's secrets are not for a core file.
            "-machine", $"{machine.RestoreMachineType ?? "q35"},memory-backend=ram,dump-guest-core=off,suppress-vmdesc=on,vmport=off,usb=off,smbus=off,sata=off",
            "-global", "migration.send-configuration=off",
            "-accel", kvm ? "kvm" : "tcg",
            "-cpu", kvm ? "host" : "max",
            "-smp", machine.CpuCount.ToString(CultureInfo.InvariantCulture),
            "-m", memory,
            "-object", $"memory-backend-file,id=ram,size={memory},mem-path=/proc/self/fd/{VmmDescriptors.Memory},share={(machine.MemoryIsShared ? "on" : "off")}",
            "-kernel", machine.KernelPath,
            "-append", machine.KernelCommandLine,
            "-chardev", $"socket,id=qmp,fd={ControlDescriptor},server=on,wait=off",
            "-qmp", "chardev:qmp",
            "-chardev", $"socket,id=serial,fd={SerialDescriptor},server=on,wait=off,logfile={Escape(machine.SerialLogPath)},logappend=on",
            "-serial", "chardev:serial",
            "-device", "virtio-rng-pci",
            .. s_sandbox,
        ];
        if (machine.InitramfsPath is { } initramfs)
        {
            arguments.AddRange("-initrd", initramfs);
        }

        for (int i = 0; i < machine.Disks.Count; i++)
        {
            VmmDisk disk = machine.Disks[i];
            arguments.AddRange(
                "-drive", $"if=none,id=disk{i},format=raw,file={Escape(disk.Path)},read-only={(disk.ReadOnly ? "on" : "off")},discard=unmap",
                "-device", $"virtio-blk-pci,drive=disk{i},serial={disk.Serial}");
        }

        if (machine.AgentPort is { } port)
        {
            // Pipes, which are always open, and not a socket: a guest whose port has no client reads end-of-file again and again, ten times a second.
            arguments.AddRange(
                "-device", "virtio-serial-pci,max_ports=2",
                "-chardev", $"pipe,id=agent,path={Escape(AgentPipeIn(machine.RunDirectory))}",
                "-device", $"virtserialport,chardev=agent,name={port}");
        }

        if (machine.ForRestore)
        {
            arguments.AddRange("-S", "-incoming", "defer");
        }

        return arguments;
    }

    // In QEMU's option lists a comma ends a value and a doubled one stands for itself.
    private static string Escape(string value) => value.Replace(",", ",,", StringComparison.Ordinal);
}
