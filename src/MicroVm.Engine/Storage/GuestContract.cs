using System.Text;

namespace MicroVm.Engine.Storage;

/// <summary>
/// What host and guest agree on. The guest's scripts read these values from <c>/lib/microvm/contract.conf</c>, which is written from here, so that each is
/// stated once.
/// </summary>
internal static class GuestContract
{
    /// <summary>The serial number of the virtio disk that is the VM's own: an ext4 file system whose changes survive stops.</summary>
    public const string OverlaySerial = "microvm-overlay";

    /// <summary>The serial number of the virtio disk that holds the image's read-only root file system (squashfs, erofs or ext4).</summary>
    public const string RootSerial = "microvm-root";

    /// <summary>The serial number of the virtio disk that tells the guest of itself: see <see cref="ConfigurationDisk"/>.</summary>
    public const string ConfigurationSerial = "microvm-config";

    /// <summary>The kernel argument that tells the guest to wait for the disk <see cref="OverlaySerial"/>.</summary>
    public const string OverlayArgument = "microvm.overlay=1";

    /// <summary>The kernel argument that tells the guest to wait for the disk <see cref="RootSerial"/>.</summary>
    public const string RootArgument = "microvm.root=1";

    /// <summary>The kernel argument that tells the guest of the disk <see cref="ConfigurationSerial"/>.</summary>
    public const string ConfigurationArgument = "microvm.config=1";

    /// <summary>What the kernel argument that names the guest begins with.</summary>
    public const string HostNameArgument = "microvm.hostname=";

    /// <summary>The virtio-serial port of the QEMU guest agent.</summary>
    public const string AgentPort = "org.qemu.guest_agent.0";

    /// <summary>
    /// The cgroup (version 2) of all that runs in the guest on the user's behalf: the console's shell and the commands of Invoke-MicroVmCommand. Init, the services
    /// and the agent stay out of it, so the agent can freeze it and still answers. An image has it or not.
    /// </summary>
    public const string WorkloadCgroup = "/sys/fs/cgroup/workload";

    /// <summary>The cgroup of the one process that thaws the workload should no host come to do it.</summary>
    public const string GuardCgroup = "/sys/fs/cgroup/guard";

    /// <summary>The guest's program that mixes its input into the kernel's random numbers and forces a reseed, see <see cref="Storage.ReseedProgram"/>.</summary>
    public const string ReseedProgram = "/lib/microvm/reseed";

    /// <summary>The line the base image writes to its serial console when it is ready: the power button works, the shell is about to start.</summary>
    public const string ReadyMarker = "microvm: guest ready";

    /// <summary>How long after its start the guest gives up waiting for a disk it was told of, in seconds.</summary>
    public const int DiskWaitSeconds = 10;

    /// <summary>The kernel command line of the base image, before the words that belong to a VM.</summary>
    public static IReadOnlyList<string> KernelArguments { get; } =
    [
        "console=ttyS0",
        // Every line on an emulated serial port costs time.
        "quiet",
        // A guest that cannot go on ends its VMM instead of standing still.
        "panic=-1",
        // The self-tests of the kernel's ciphers, of which one has no switch, take a third of a second under emulation.
        "cryptomgr.notests",
        "initcall_blacklist=crypto_kdf108_init",
        // Patching thousands of lock prefixes out for a single CPU costs a tenth of a second under emulation and gains nothing.
        "noreplace-smp",
    ];

    /// <summary>
    /// What is added to the command line where the guest is emulated. There the guest measures the frequency of its TSC against an emulated timer, and on a
    /// busy host it was seen to measure a fifth of it, after which its clock ran too fast by as much. With these it keeps time by the HPET, whose frequency is
    /// given, and which is the same on every host a snapshot is restored on.
    /// </summary>
    public static IReadOnlyList<string> EmulationArguments { get; } = ["notsc", "no_timer_check"];

    private const string PowerButtonPidFile = "/run/microvm/acpid.pid";

    /// <summary>The contract as assignments of the POSIX shell.</summary>
    public static byte[] ToShell() => Encoding.UTF8.GetBytes(
        $"""
        OVERLAY_SERIAL='{OverlaySerial}'
        ROOT_SERIAL='{RootSerial}'
        CONFIG_SERIAL='{ConfigurationSerial}'
        CONFIG_DIRECTORY='/run/microvm/config'
        AGENT_PORT='{AgentPort}'
        READY_MARKER='{ReadyMarker}'
        DISK_WAIT_SECONDS={DiskWaitSeconds}
        POWER_BUTTON_PID_FILE='{PowerButtonPidFile}'
        WORKLOAD_CGROUP='{WorkloadCgroup}'
        GUARD_CGROUP='{GuardCgroup}'

        """);
}
