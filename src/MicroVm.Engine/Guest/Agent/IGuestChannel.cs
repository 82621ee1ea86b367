namespace MicroVm.Engine.Guest.Agent;

/// <summary>The way to the agent in a guest: a stream of bytes, of which there is one at a time.</summary>
internal interface IGuestChannel
{
    /// <summary>Opens the stream. That it opens does not mean that the agent listens: only an answer does.</summary>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="IOException">The VMM is gone.</exception>
    Task<Stream> OpenAsync(CancellationToken cancellationToken);
}
