using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace MicroVm.Engine.Native;

/// <summary>Attributes as they lie in a message (struct nlattr in linux/netlink.h); damaged ones end the list. Also the walk through them.</summary>
internal ref struct NetlinkAttributes(ReadOnlySpan<byte> bytes)
{
    private const ushort TypeMask = 0x3FFF;

    private ReadOnlySpan<byte> _left = bytes;

    /// <summary>The type of the attribute the walk is at, flags taken away.</summary>
    public ushort Type { get; private set; }

    /// <summary>The bytes of the attribute the walk is at.</summary>
    public ReadOnlySpan<byte> Value { get; private set; }

    /// <summary>The value as a number of 32 bits in the order of this machine; 0 when it is shorter.</summary>
    public readonly uint UInt32 => Value.Length >= 4 ? MemoryMarshal.Read<uint>(Value) : 0;

    /// <summary>The value as a number of 32 bits in network order; 0 when it is shorter.</summary>
    public readonly uint NetworkUInt32 => Value.Length >= 4 ? BinaryPrimitives.ReadUInt32BigEndian(Value) : 0;

    /// <summary>The value as a text, without the zero at its end.</summary>
    public readonly string Text => Encoding.UTF8.GetString(Value.TrimEnd((byte)0));

    /// <summary>The attributes inside of the one the walk is at.</summary>
    public readonly NetlinkAttributes Inside => new(Value);

    /// <summary>Goes on to the next attribute.</summary>
    /// <returns>False at the end.</returns>
    public bool MoveNext()
    {
        if (_left.Length < 4)
        {
            return false;
        }

        int length = MemoryMarshal.Read<ushort>(_left);
        if (length < 4 || length > _left.Length)
        {
            return false;
        }

        Type = (ushort)(MemoryMarshal.Read<ushort>(_left[2..]) & TypeMask);
        Value = _left[4..length];
        _left = _left[Math.Min(_left.Length, (length + 3) & ~3)..];
        return true;
    }

    /// <summary>Goes on to the next attribute of that type.</summary>
    /// <returns>False when there is none.</returns>
    public bool MoveTo(ushort type)
    {
        while (MoveNext())
        {
            if (Type == type)
            {
                return true;
            }
        }

        return false;
    }
}
