using System.Globalization;

namespace MicroVm.Engine.State;

/// <summary>Which VM has which port of the host's. All addresses of a family and one of them exclude each other.</summary>
internal sealed class PortClaims(MachineStore store)
{
    private readonly LinkClaims _claims = new(
        store, store.Paths.PortsDirectory, (record, key) => record.Network?.PublishedPorts.Any(port => KeyOf(port) == key) == true);

    /// <summary>Claims a port for a VM whose directory exists and is locked by the caller. Two who claim ports that exclude each other at the same moment may both fail.</summary>
    /// <returns>The VM that has it or one that excludes it, or null.</returns>
    public Guid? Claim(PublishedPort port, Guid id)
    {
        if (_claims.Claim(KeyOf(port), id) is { } holder)
        {
            return holder;
        }

        foreach (string key in _claims.All().Where(key => key != KeyOf(port) && Excludes(key, port)))
        {
            if (_claims.Find(key) is { } other && !_claims.ReleaseStale(key))
            {
                Release(port, id);
                return other;
            }
        }

        return null;
    }

    /// <summary>Gives a port back, if that VM has it.</summary>
    public void Release(PublishedPort port, Guid id) => _claims.Release(KeyOf(port), id);

    /// <summary>Frees a port that no VM has any more.</summary>
    /// <returns>Whether there was one to free.</returns>
    public bool ReleaseStale(string key) => _claims.ReleaseStale(key);

    /// <summary>All ports that are claimed, such as "tcp-8080-127.0.0.1", with the VMs the claims name.</summary>
    public IEnumerable<(string Key, Guid Machine)> All() =>
        _claims.All().Select(key => (key, _claims.Find(key))).Where(claim => claim.Item2 is not null).Select(claim => (claim.key, claim.Item2!.Value));

    /// <summary>What a port is claimed by, such as "tcp-8080-127.0.0.1".</summary>
    public static string KeyOf(PublishedPort port) => $"{StemOf(port)}{port.HostAddress}";

    private static string StemOf(PublishedPort port) =>
        string.Create(CultureInfo.InvariantCulture, $"{port.Protocol.ToString().ToLowerInvariant()}-{port.HostPort}-");

    private static bool Excludes(string key, PublishedPort port)
    {
        if (!key.StartsWith(StemOf(port), StringComparison.Ordinal))
        {
            return false;
        }

        string address = key[StemOf(port).Length..];
        return IsSix(address) == IsSix(port.HostAddress) && (IsAny(address) || IsAny(port.HostAddress));
    }

    private static bool IsSix(string address) => address.Contains(':', StringComparison.Ordinal);

    private static bool IsAny(string address) => address is "0.0.0.0" or "::";
}
