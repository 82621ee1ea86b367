using System.Globalization;

namespace MicroVm.Commands;

/// <summary>The names that -Count makes.</summary>
internal static class NumberedNames
{
    /// <summary>"web-1", "web-2" and so on, without end.</summary>
    public static IEnumerable<string> From(string name)
    {
        for (int number = 1; ; number++)
        {
            yield return string.Create(CultureInfo.InvariantCulture, $"{name}-{number}");
        }
    }
}
