using System.Management.Automation;
using System.Text;

namespace MicroVm.Commands.Guest;

/// <summary>Makes the standard input of a command of what comes by the pipeline: bytes as they are, everything else as lines of text.</summary>
internal sealed class InputCollector
{
    private readonly MemoryStream content = new();

    /// <summary>All that was added.</summary>
    public ReadOnlyMemory<byte> Content => content.GetBuffer().AsMemory(0, (int)content.Length);

    /// <summary>Adds an object.</summary>
    public void Add(object? item)
    {
        switch (item is PSObject wrapped ? wrapped.BaseObject : item)
        {
            case byte value:
                content.WriteByte(value);
                break;
            case byte[] bytes:
                content.Write(bytes);
                break;
            case object other:
                content.Write(Encoding.UTF8.GetBytes(LanguagePrimitives.ConvertTo<string>(other)));
                content.WriteByte((byte)'\n');
                break;
            default:
                content.WriteByte((byte)'\n');
                break;
        }
    }
}
