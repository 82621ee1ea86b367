using Microsoft.Win32.SafeHandles;

namespace MicroVm.Engine.Vmm;

/// <summary>A conversation with a running VMM. Each call has a deadline of its own.</summary>
internal interface IVmmConnection : IAsyncDisposable
{
    /// <summary>The VMM's version.</summary>
    string Version { get; }

    /// <summary>What the guest is doing.</summary>
    Task<VmmStatus> GetStatusAsync(CancellationToken cancellationToken);

    /// <summary>Stops the vCPUs; fine when they stand already. Disk writes are in the host's files when this returns.</summary>
    Task PauseAsync(CancellationToken cancellationToken);

    /// <summary>Lets the vCPUs run; fine when they run already.</summary>
    Task ResumeAsync(CancellationToken cancellationToken);

    /// <summary>Asks the guest to power off.</summary>
    Task RequestPowerOffAsync(CancellationToken cancellationToken);

    /// <summary>Ends the VMM; the guest is not asked.</summary>
    Task QuitAsync(CancellationToken cancellationToken);

    /// <summary>The exact machine type, which a restore must ask for.</summary>
    Task<string> GetMachineTypeAsync(CancellationToken cancellationToken);

    /// <summary>Writes the state of all devices and vCPUs, without the memory. The vCPUs must stand.</summary>
    /// <param name="file">An empty file open for writing only.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    Task SaveDeviceStateAsync(SafeFileHandle file, CancellationToken cancellationToken);

    /// <summary>Takes over saved state, in a VMM that was started for it; the vCPUs stand afterwards.</summary>
    /// <param name="file">What <see cref="SaveDeviceStateAsync"/> wrote, open for reading.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    Task LoadDeviceStateAsync(SafeFileHandle file, CancellationToken cancellationToken);
}
