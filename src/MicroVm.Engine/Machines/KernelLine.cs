using MicroVm.Engine.State;
using MicroVm.Engine.Storage;

namespace MicroVm.Engine.Machines;

/// <summary>
/// The words of the kernel command line. A profile stands for the words that say how the kernel behaves; those that say where things are belong to the VM and
/// are added whatever the profile. The kernel takes the last of equal words, so what the user adds comes last.
/// </summary>
internal static class KernelLine
{
    private const string InitArgument = "init=";

    /// <summary>What a kernel of the user's boots with.</summary>
    public static IReadOnlyList<string> OfFiles { get; } = ["console=ttyS0", "panic=-1"];

    // wrenn's internal/vm/config.go. Left out: "root=/dev/vda rw" (see RootDisk: ours is read-only and may be the second disk), "rootflags=nodiscard" (an
    // option of ext4 alone, about a disk that is never written to), "ip=" (see Network) and "init=" (its own program; -InitPath gives one).
    private static readonly string[] s_wrenn =
    [
        "console=ttyS0",
        // Reboot by the keyboard controller, which q35 has.
        "reboot=k",
        // A panic ends the VM a second later, by a reboot.
        "panic=1",
        // Emergencies are still printed, and a panic is one: the engine tells it from a power-off by that line.
        "quiet",
        "loglevel=1",
        // Pages that are free are zero, so snapshots leave them out.
        "init_on_free=1",
        // The clock a restore can set. Where there is no KVM the kernel passes over it and takes the next best.
        "clocksource=kvm-clock",
    ];

    // Kata's src/runtime/virtcontainers/clh.go. Left out: "root=/dev/pmem0p1 rootflags=data=ordered,errors=remount-ro rootfstype=ext4" (a partition of Kata's
    // own image, here any disk with any file system), "systemd.unit=kata-containers.target", "systemd.mask=" (units of that image; without them systemd stops
    // in its emergency shell) and "agent.log_vport=" (Kata's agent).
    private static readonly string[] s_kata =
    [
        // Kata's words for debugging. Without a console nobody would hear the guest.
        "console=ttyS0,115200n8",
        "panic=1",
        // The timer interrupt of a hypervisor does not need the tests meant for broken chips.
        "no_timer_check",
        "noreplace-smp",
        "quiet",
    ];

    /// <summary>The words of a profile.</summary>
    /// <param name="profile">The profile.</param>
    /// <param name="own">The words of what is booted, for <see cref="KernelProfile.Default"/>.</param>
    public static IReadOnlyList<string> Of(KernelProfile profile, IReadOnlyList<string> own) => profile switch
    {
        KernelProfile.Wrenn => s_wrenn,
        KernelProfile.Kata => s_kata,
        _ => own,
    };

    /// <summary>The words that end the line: the init program, and what the user adds.</summary>
    public static IEnumerable<string> Ending(VirtualMachineSpec spec) =>
        spec.InitPath is { } init ? [InitArgument + init, .. spec.KernelArguments] : spec.KernelArguments;

    /// <summary>Where a kernel without an initramfs finds its root: the disk comes after the VM's own.</summary>
    public static IEnumerable<string> RootDisk(bool hasOverlayDisk) => [hasOverlayDisk ? "root=/dev/vdb" : "root=/dev/vda", "ro"];

    /// <summary>
    /// What tells a guest of its network, in the kernel's own words (admin-guide/nfs/nfsroot in its documentation), and for IPv6 in those of dracut.cmdline(7), which
    /// systemd-network-generator(8) knows as well: for each interface <c>ip=</c> once a family, more name servers than that has room for, and names by number.
    /// </summary>
    /// <param name="interfaces">The interfaces in their order: eth0, eth1 and so on.</param>
    /// <param name="hostname">The guest's host name, or null.</param>
    public static IReadOnlyList<string> Network(IReadOnlyList<MachineInterface> interfaces, string? hostname = null) =>
        NetworkWords.Of(interfaces, hostname);

    /// <summary>What tells a guest of its configuration disk.</summary>
    public static IEnumerable<string> ConfigurationDisk(bool hasOne) => hasOne ? [GuestContract.ConfigurationArgument] : [];
}
