using System.Text.RegularExpressions;
using MicroVm.Engine.Errors;

namespace MicroVm.Engine.State;

/// <summary>The rule for the names of VMs, snapshots and images: 1 to 63 letters, digits and hyphens, the first no hyphen; case does not matter.</summary>
internal static partial class NameRule
{
    /// <summary>Whether the text keeps the rule.</summary>
    public static bool IsValid(string name) => Pattern().IsMatch(name);

    /// <summary>Gives the name back if it keeps the rule.</summary>
    /// <param name="name">The name.</param>
    /// <param name="what">What it names, for the error: "VM", "snapshot", "image".</param>
    /// <exception cref="MicroVmException"><see cref="ErrorIds.InvalidMicroVmSpec"/>.</exception>
    public static string Check(string name, string what) => IsValid(name)
        ? name
        : throw new MicroVmException(
            ErrorIds.InvalidMicroVmSpec,
            ErrorKind.InvalidArgument,
            $"'{name}' is not a name for {(what[0] is 'i' ? "an" : "a")} {what}: 1 to 63 letters, digits and hyphens, the first no hyphen.")
        {
            Target = name,
            RecommendedAction = "Choose a name such as web-1.",
        };

    // \z, for $ would let a line feed follow.
    [GeneratedRegex(@"^[A-Za-z0-9][A-Za-z0-9-]{0,62}\z", RegexOptions.CultureInvariant)]
    private static partial Regex Pattern();
}
