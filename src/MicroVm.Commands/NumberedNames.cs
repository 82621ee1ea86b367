using System.Globalization;

namespace MicroVm.Commands;

/// <summary>The names that -Count makes: "web-1", "web-2" and so on, those left out that are taken. Several threads may ask.</summary>
internal sealed class NumberedNames(string stem, Func<string, bool> isFree)
{
    private readonly Lock access = new();
    private int number;

    /// <summary>The next name.</summary>
    public string Next()
    {
        lock (access)
        {
            while (true)
            {
                number++;
                string name = string.Create(CultureInfo.InvariantCulture, $"{stem}-{number}");
                if (isFree(name))
                {
                    return name;
                }
            }
        }
    }
}
