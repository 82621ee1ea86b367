using MicroVm.Engine.Storage;

namespace MicroVm.Engine.Snapshots;

/// <summary>Digests as manifests have them: how they are made, a colon, and the digest.</summary>
internal static class RecordedDigest
{
    private const string Whole = "sha256:";
    private const string Blocks = "sha256-blocks:";

    /// <summary>The digest of a small file.</summary>
    public static async Task<string> OfFileAsync(string path, CancellationToken cancellationToken) =>
        Whole + await FileDigest.Sha256Async(path, cancellationToken);

    /// <summary>The digest of a big sparse file.</summary>
    public static async Task<string> OfBlocksAsync(string path, CancellationToken cancellationToken) =>
        Blocks + await FileDigest.BlockSha256Async(path, null, cancellationToken);

    /// <summary>Whether a file has a recorded digest, however that was made.</summary>
    public static async Task<bool> MatchesAsync(string recorded, string path, CancellationToken cancellationToken) =>
        recorded == (recorded.StartsWith(Blocks, StringComparison.Ordinal) ? await OfBlocksAsync(path, cancellationToken) : await OfFileAsync(path, cancellationToken));
}
