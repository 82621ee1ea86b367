using Microsoft.Win32.SafeHandles;

namespace MicroVm.Engine.Vmm.Qemu;

/// <summary>QEMU's verbs in terms of QMP commands (QEMU QMP reference manual).</summary>
internal sealed class QemuConnection(QemuApi api) : IVmmConnection
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(10);

    /// <inheritdoc/>
    public string Version => api.Version;

    /// <inheritdoc/>
    public async Task<VmmStatus> GetStatusAsync(CancellationToken cancellationToken)
    {
        QmpMessage status = await api.CallAsync("query-status", null, s_limit, cancellationToken);
        return status.Return.GetProperty("status").GetString() switch
        {
            "running" => VmmStatus.Running,
            "shutdown" or "guest-panicked" or "internal-error" => VmmStatus.Ended,
            _ => VmmStatus.Paused,
        };
    }

    /// <inheritdoc/>
    public Task PauseAsync(CancellationToken cancellationToken) => api.CallAsync("stop", null, s_limit, cancellationToken);

    /// <inheritdoc/>
    public Task ResumeAsync(CancellationToken cancellationToken) => api.CallAsync("cont", null, s_limit, cancellationToken);

    /// <inheritdoc/>
    public Task RequestPowerOffAsync(CancellationToken cancellationToken) => api.CallAsync("system_powerdown", null, s_limit, cancellationToken);

    /// <inheritdoc/>
    public async Task QuitAsync(CancellationToken cancellationToken)
    {
        try
        {
            await api.CallAsync("quit", null, s_limit, cancellationToken);
        }
        catch (VmmConnectionException)
        {
            // It may be gone before its answer is out.
        }
    }

    /// <inheritdoc/>
    public Task SetLinkAsync(int number, bool up, CancellationToken cancellationToken) => api.CallAsync(
        "set_link",
        writer =>
        {
            // By the name of the host's end, which is down as well then: the guest's end comes up again with a snapshot's state.
            writer.WriteString("name", QemuNetwork.NameOf(number));
            writer.WriteBoolean("up", up);
        },
        s_limit,
        cancellationToken);

    /// <inheritdoc/>
    public Task AddInterfaceAsync(VmmInterface one, AcceleratorKind accelerator, CancellationToken cancellationToken) =>
        QemuHotPlug.AddAsync(api, one, accelerator, cancellationToken);

    /// <inheritdoc/>
    public Task RemoveInterfaceAsync(int port, CancellationToken cancellationToken) => QemuHotPlug.RemoveAsync(api, port, cancellationToken);

    /// <inheritdoc/>
    public async Task<string> GetMachineTypeAsync(CancellationToken cancellationToken)
    {
        QmpMessage type = await api.CallAsync(
            "qom-get",
            writer =>
            {
                writer.WriteString("path", "/machine");
                writer.WriteString("property", "type");
            },
            s_limit,
            cancellationToken);
        const string Suffix = "-machine";
        string name = type.Return.GetString()!;
        return name.EndsWith(Suffix, StringComparison.Ordinal) ? name[..^Suffix.Length] : name;
    }

    /// <inheritdoc/>
    public Task SaveDeviceStateAsync(SafeFileHandle file, CancellationToken cancellationToken) => QemuSnapshot.SaveAsync(api, file, cancellationToken);

    /// <inheritdoc/>
    public Task LoadDeviceStateAsync(SafeFileHandle file, CancellationToken cancellationToken) => QemuSnapshot.LoadAsync(api, file, cancellationToken);

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => api.DisposeAsync();
}
