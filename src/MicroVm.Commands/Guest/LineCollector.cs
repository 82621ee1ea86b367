using System.Management.Automation;
using MicroVm.Engine.Guest;
using MicroVm.Engine.Guest.Commands;

namespace MicroVm.Commands.Guest;

/// <summary>Makes lines of what a command writes, as it comes.</summary>
/// <param name="vmName">The VM's name.</param>
/// <param name="raw">Leave control characters in them.</param>
/// <param name="emit">Takes each line.</param>
internal sealed class LineCollector(string vmName, bool raw, Func<object, Task> emit)
{
    private readonly LineSplitter[] streams = [new(), new()];

    /// <summary>Takes a piece.</summary>
    public async Task TakeAsync(GuestOutput piece)
    {
        foreach (string line in streams[(int)piece.Stream].Add(piece.Bytes.Span))
        {
            await EmitAsync(piece.Stream, line);
        }
    }

    /// <summary>Emits what has no end of line.</summary>
    public async Task FinishAsync()
    {
        foreach (GuestStream stream in Enum.GetValues<GuestStream>())
        {
            if (streams[(int)stream].Rest is { } rest)
            {
                await EmitAsync(stream, rest);
            }
        }
    }

    // A text, so that it can be searched and written to files as it is; whose and which it is, it tells beside.
    private Task EmitAsync(GuestStream stream, string line)
    {
        PSObject text = new(raw ? line : TerminalText.Neutralise(line));
        text.Properties.Add(new PSNoteProperty("VMName", vmName));
        text.Properties.Add(new PSNoteProperty("Stream", stream));
        return emit(text);
    }
}
