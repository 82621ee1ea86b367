using System.Reflection;
using System.Text;

namespace MicroVm.Engine.Guest;

/// <summary>The engine's own scripts for guests: POSIX shell, resources of this assembly (the directory <c>Guest/Scripts</c>).</summary>
internal static class GuestScripts
{
    /// <summary>The shell that every Linux guest has.</summary>
    public const string Shell = "/bin/sh";

    /// <summary>The text of a script, without its comments: an emulated agent takes its time for each byte.</summary>
    /// <param name="name">Its file name without <c>.sh</c>.</param>
    public static string Read(string name)
    {
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream($"Scripts/{name}.sh")
            ?? throw new InvalidOperationException($"The assembly lacks the script '{name}'.");
        using StreamReader reader = new(stream, Encoding.UTF8);
        StringBuilder text = new();
        while (reader.ReadLine() is { } line)
        {
            string code = line.TrimStart();
            if (code.Length > 0 && code[0] != '#')
            {
                text.Append(code).Append('\n');
            }
        }

        return text.ToString();
    }
}
