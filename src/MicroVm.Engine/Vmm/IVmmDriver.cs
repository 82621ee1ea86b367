namespace MicroVm.Engine.Vmm;

/// <summary>What the engine needs of a VMM. Drivers know nothing of the engine's records; what differs between VMMs ends here.</summary>
internal interface IVmmDriver
{
    /// <summary>Which VMM.</summary>
    HypervisorKind Kind { get; }

    /// <summary>What it can do.</summary>
    VmmCapabilities Capabilities { get; }

    /// <summary>The VMM's program.</summary>
    /// <param name="path">One that was chosen, or null for the one that is installed.</param>
    /// <exception cref="Errors.MicroVmException"><see cref="Errors.ErrorIds.HypervisorNotFound"/>.</exception>
    string FindProgram(string? path);

    /// <summary>Asks a program for its version; starts it for a moment.</summary>
    /// <exception cref="Errors.MicroVmException"><see cref="Errors.ErrorIds.HypervisorNotFound"/>: it is something else.</exception>
    Task<string> ProbeVersionAsync(string program, CancellationToken cancellationToken);

    /// <summary>The path of a VM's serial console socket.</summary>
    string SerialSocketIn(string runDirectory);

    /// <summary>Where the agent in a VM's guest is reached.</summary>
    VmmAgentEndpoint AgentEndpointIn(string runDirectory);

    /// <summary>Makes the sockets and composes the command that starts the VMM.</summary>
    VmmCommand Prepare(VmmMachine machine);

    /// <summary>Connects to a VMM, freshly started or not, and waits until it answers.</summary>
    /// <param name="runDirectory">Where its sockets are.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="VmmConnectionException">It closed the connection: it has ended, or is about to.</exception>
    Task<IVmmConnection> ConnectAsync(string runDirectory, CancellationToken cancellationToken);
}
