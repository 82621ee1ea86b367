using System.Runtime.InteropServices;

namespace MicroVm.Engine.Native;

/// <summary>A message of the kernel.</summary>
/// <param name="Type">nlmsg_type.</param>
/// <param name="Payload">What follows struct nlmsghdr.</param>
internal readonly record struct NetlinkMessage(ushort Type, ReadOnlyMemory<byte> Payload)
{
    /// <summary>The structure it begins with, such as struct ifinfomsg.</summary>
    public T Structure<T>()
        where T : unmanaged => MemoryMarshal.Read<T>(Payload.Span);

    /// <summary>The attributes after a structure of that many bytes, which is padded to four.</summary>
    public NetlinkAttributes Attributes(int structureBytes) => new(Payload.Span[Math.Min(Payload.Length, (structureBytes + 3) & ~3)..]);
}
