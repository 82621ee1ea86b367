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

    /// <summary>Lets a network interface's frames pass, or drops them in both directions; the guest sees its cable go or come.</summary>
    /// <param name="number">Its port; in a machine without ports which one, from 0.</param>
    /// <param name="up">Whether they pass.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    Task SetLinkAsync(int number, bool up, CancellationToken cancellationToken);

    /// <summary>Plugs a network interface into a machine that runs. When the guest makes use of it is the guest's affair.</summary>
    /// <param name="one">The interface; its port is free.</param>
    /// <param name="accelerator">How guest code is executed.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    Task AddInterfaceAsync(VmmInterface one, AcceleratorKind accelerator, CancellationToken cancellationToken);

    /// <summary>Takes a network interface out of a machine that runs, once the guest has let go of it; fine when it is not there any more.</summary>
    /// <param name="port">Its port.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="Errors.MicroVmException"><see cref="Errors.ErrorIds.MicroVmTimeout"/>: the guest does not let go.</exception>
    Task RemoveInterfaceAsync(int port, CancellationToken cancellationToken);

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
