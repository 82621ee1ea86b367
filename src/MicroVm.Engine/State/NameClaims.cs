using MicroVm.Engine.Errors;

namespace MicroVm.Engine.State;

/// <summary>Who has which name. A VM that is renamed has two claims for a moment, and one name at any time.</summary>
internal sealed class NameClaims(MachineStore store)
{
    private readonly LinkClaims _claims = new(store, store.Paths.NamesDirectory, (record, name) => AreSame(record.Name, name));

    /// <summary>Claims a name for a VM whose directory exists and is locked by the caller.</summary>
    /// <exception cref="MicroVmException"><see cref="ErrorIds.MicroVmAlreadyExists"/>.</exception>
    public void Claim(string name, Guid id)
    {
        if (_claims.Claim(KeyOf(name), id) is not null)
        {
            throw Taken(name);
        }
    }

    /// <summary>The error for a name that a VM has.</summary>
    public static MicroVmException Taken(string name) =>
        new(ErrorIds.MicroVmAlreadyExists, ErrorKind.AlreadyExists, $"A VM named '{name}' already exists.")
        {
            Target = name,
            RecommendedAction = $"Choose another name, or remove that VM: Remove-MicroVm {name}",
        };

    /// <summary>Gives a name back, if that VM holds it.</summary>
    public void Release(string name, Guid id) => _claims.Release(KeyOf(name), id);

    /// <summary>Frees a name that no VM holds any more.</summary>
    /// <returns>Whether there was one to free.</returns>
    public bool ReleaseStale(string name) => _claims.ReleaseStale(KeyOf(name));

    /// <summary>All names that are claimed, in lower case.</summary>
    public IEnumerable<string> All() => _claims.All().Where(NameRule.IsValid);

    /// <summary>The VM that holds the name, or null.</summary>
    public Guid? Find(string name) => NameRule.IsValid(name) ? _claims.Find(KeyOf(name)) : null;

    /// <summary>The name a VM holds, in lower case, or null; looks through all claims.</summary>
    public string? NameOf(Guid id) => All().FirstOrDefault(name => Find(name) == id);

    /// <summary>Whether two names are the same for a claim.</summary>
    public static bool AreSame(string one, string other) => one.Equals(other, StringComparison.OrdinalIgnoreCase);

    private static string KeyOf(string name) => name.ToLowerInvariant();
}
