using System.Globalization;
using System.Text;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Guest.Commands;
using MicroVm.Engine.Machines;

namespace MicroVm.Commands.Guest;

/// <summary>Collects what a command writes, up to what one object can well hold.</summary>
internal sealed class ResultCollector(VirtualMachine vm)
{
    private const long LongestBytes = 256L << 20;

    private readonly MemoryStream[] streams = [new(), new()];

    /// <summary>Takes a piece.</summary>
    /// <exception cref="MicroVmException"><see cref="ErrorIds.GuestOutputTooLong"/>.</exception>
    public Task TakeAsync(GuestOutput piece)
    {
        MemoryStream stream = streams[(int)piece.Stream];
        if (stream.Length + piece.Bytes.Length > LongestBytes)
        {
            throw new MicroVmException(
                ErrorIds.GuestOutputTooLong,
                ErrorKind.InvalidData,
                string.Create(CultureInfo.InvariantCulture, $"The command in VM '{vm.Name}' wrote more than {LongestBytes >> 20} MiB and was ended."))
            {
                Target = vm.Name,
                RecommendedAction = "Use -Stream, which has no limit, or let the command write to a file and copy that: Copy-MicroVmItem -FromGuest.",
            };
        }

        stream.Write(piece.Bytes.Span);
        return Task.CompletedTask;
    }

    /// <summary>Makes the result.</summary>
    /// <param name="end">How the command ended.</param>
    /// <param name="asBytes">Leave the output as bytes.</param>
    /// <param name="raw">Leave control characters in the texts.</param>
    public GuestCommandResult Result(GuestCommandEnd end, bool asBytes, bool raw) => new()
    {
        VMName = vm.Name,
        VMId = vm.Id,
        ExitCode = end.ExitCode,
        StandardOutput = asBytes ? null : Text(GuestStream.Output, raw),
        StandardError = Text(GuestStream.Error, raw),
        StandardOutputBytes = asBytes ? streams[(int)GuestStream.Output].ToArray() : null,
        Duration = end.Duration,
    };

    private string Text(GuestStream stream, bool raw)
    {
        MemoryStream content = streams[(int)stream];
        string text = Encoding.UTF8.GetString(content.GetBuffer(), 0, (int)content.Length);
        return raw ? text : TerminalText.NeutraliseLines(text);
    }
}
