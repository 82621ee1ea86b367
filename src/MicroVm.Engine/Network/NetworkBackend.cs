using Microsoft.Win32.SafeHandles;
using MicroVm.Engine.Native;

namespace MicroVm.Engine.Network;

/// <summary>
/// The host's end of a guest's interface, to be handed to a VMM as a descriptor. What is behind it lives as long as somebody holds that descriptor: once the VMM
/// has it, closing this object changes nothing, and the end of the VMM ends it.
/// </summary>
/// <param name="handle">The descriptor; this object closes it.</param>
internal sealed class NetworkBackend(SafeFileHandle handle) : IDisposable
{
    /// <summary>The descriptor: a TAP device, or a stream socket that carries each frame behind its length (32 bits, network order).</summary>
    public SafeFileHandle Handle { get; } = handle;

    /// <summary>Whether <see cref="Handle"/> is a stream socket and no TAP device.</summary>
    public bool IsStream { get; init; }

    /// <summary>The TAP device's name; null for a stream socket.</summary>
    public string? LinkName { get; init; }

    /// <summary>The program behind a stream socket: a child of this process that the caller has to reap when it has ended. Null where there is none.</summary>
    public ProcessIdentity? Helper { get; init; }

    /// <inheritdoc/>
    public void Dispose() => Handle.Dispose();
}
