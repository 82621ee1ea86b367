namespace MicroVm.Engine.State;

/// <summary>The host's settings, read again when the file has changed: all VMs that are listed need them.</summary>
internal sealed class HostSettingsStore(MicroVmPaths paths)
{
    private readonly Lock _lock = new();
    private (DateTime Written, HostSettings Settings)? _read;

    /// <summary>What is set now.</summary>
    /// <exception cref="Errors.MicroVmException"><see cref="Errors.ErrorIds.StateCorrupt"/>.</exception>
    public HostSettings Current
    {
        get
        {
            // The beginning of the calendar for a file that is not there. Each change is a new file.
            DateTime written = File.GetLastWriteTimeUtc(paths.HostSettingsFile);
            lock (_lock)
            {
                if (_read is not { } known || known.Written != written)
                {
                    _read = known = (written, HostSettings.Read(paths));
                }

                return known.Settings;
            }
        }
    }
}
