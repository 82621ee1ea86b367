using System.Text;

namespace MicroVm.Engine.Guest;

/// <summary>Makes lines of bytes that come in pieces; a line that never ends is cut, so that no guest can fill the memory.</summary>
public sealed class LineSplitter
{
    private const int LongestLineBytes = 64 << 10;

    private readonly MemoryStream _line = new();

    /// <summary>The last line, if it has no end yet.</summary>
    public string? Rest => _line.Length == 0 ? null : Take();

    /// <summary>Takes bytes and gives the lines that are complete now, without their line ends.</summary>
    public List<string> Add(ReadOnlySpan<byte> bytes)
    {
        List<string> lines = [];
        foreach (byte value in bytes)
        {
            if (value == '\n')
            {
                lines.Add(Take());
                continue;
            }

            _line.WriteByte(value);
            if (_line.Length == LongestLineBytes)
            {
                lines.Add(Take());
            }
        }

        return lines;
    }

    private string Take()
    {
        string line = Encoding.UTF8.GetString(_line.GetBuffer(), 0, (int)_line.Length).TrimEnd('\r');
        _line.SetLength(0);
        return line;
    }
}
