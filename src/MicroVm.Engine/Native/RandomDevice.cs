namespace MicroVm.Engine.Native;

/// <summary>The kernel's random number device (random(4)), of guests.</summary>
internal static class RandomDevice
{
    /// <summary>
    /// The ioctl that has the kernel make a new key from what was mixed in (linux/random.h). A write to the device alone goes into the pool: the generator keeps
    /// its key until it is a minute old (drivers/char/random.c of Linux 6.1: CRNG_RESEED_INTERVAL), and two clones have the same one.
    /// </summary>
    public const uint ReseedCall = 0x5207;
}
