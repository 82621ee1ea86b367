using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Guest.Agent;
using MicroVm.Engine.Native;

namespace MicroVm.Engine.Guest.Fixups;

/// <summary>Mixes random bytes of the host into the guest's kernel and has it make a new key of them at once.</summary>
internal static class EntropyFixup
{
    private const int Bytes = 512;

    // The script's exit code.
    private const int NotForced = 3;

    /// <summary>Does it, by the image's program or, where there is none, by what can do an ioctl.</summary>
    /// <param name="connection">The conversation.</param>
    /// <param name="agent">The agent it is held with.</param>
    /// <param name="program">Where an image may have the program.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>Done, Unprotected when the bytes were mixed in and the reseed was not forced, or Failed; and the particulars.</returns>
    public static async Task<(FixupResult Result, string Detail)> RunAsync(
        AgentConnection connection, GuestAgent agent, string program, CancellationToken cancellationToken)
    {
        byte[] entropy = RandomNumberGenerator.GetBytes(Bytes);
        try
        {
            AgentExecStatus reseed = await GuestProgram.RunAsync(connection, agent, program, [], entropy, cancellationToken);
            return reseed.ExitCode == 0 ? Forced : (FixupResult.Failed, $"The guest's kernel refused it (errno {reseed.ExitCode}).");
        }
        catch (MicroVmException exception) when (exception.ErrorId == ErrorIds.GuestAgentError)
        {
            // The guest has no such program.
        }

        string call = RandomDevice.ReseedCall.ToString(CultureInfo.InvariantCulture);
        AgentExecStatus script = await GuestProgram.RunScriptAsync(connection, agent, "entropy", [call], entropy, cancellationToken);
        return script.ExitCode switch
        {
            0 => Forced,
            NotForced => (
                FixupResult.Unprotected,
                $"{Bytes} bytes were mixed in. No reseed could be forced, for the guest has neither perl nor python3: the kernel takes them up within a minute."),
            _ => (FixupResult.Failed, $"The guest's shell could not write to /dev/urandom. {PrintableText.Of(Encoding.UTF8.GetString(script.Errors).Trim())}".TrimEnd()),
        };
    }

    private static (FixupResult Result, string Detail) Forced => (FixupResult.Done, $"{Bytes} bytes were mixed in and a reseed was forced.");
}
