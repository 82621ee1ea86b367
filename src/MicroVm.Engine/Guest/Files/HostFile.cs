using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;

namespace MicroVm.Engine.Guest.Files;

/// <summary>
/// A file of the host that comes into being beside its place, under a name that nothing else has, and gets its own name when it is whole. Until then it goes
/// when it is disposed.
/// </summary>
internal sealed class HostFile : IDisposable
{
    // What .NET can say; a guest may say anything.
    private static readonly long s_earliest = DateTimeOffset.MinValue.ToUnixTimeSeconds();
    private static readonly long s_latest = DateTimeOffset.MaxValue.ToUnixTimeSeconds();

    private readonly string _place;
    private readonly TreeEntry _entry;
    private readonly FileStream _stream;
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private bool _placed;

    /// <summary>Makes it, empty, for its owner alone.</summary>
    /// <param name="place">Where it is to stand.</param>
    /// <param name="entry">What it is a copy of.</param>
    /// <exception cref="IOException">It cannot be made.</exception>
    public HostFile(string place, TreeEntry entry)
    {
        _place = place;
        _entry = entry;
        string path = Path.Combine(Path.GetDirectoryName(place)!, $".microvm-{RandomNumberGenerator.GetHexString(16, lowercase: true)}");
        _stream = new FileStream(path, new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            BufferSize = 0,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });
    }

    /// <summary>The bytes it has.</summary>
    public long Length { get; private set; }

    /// <summary>Writes on.</summary>
    public void Write(ReadOnlySpan<byte> content)
    {
        _hash.AppendData(content);
        RandomAccess.Write(_stream.SafeFileHandle, content, Length);
        Length += content.Length;
    }

    /// <summary>The SHA-256 of what was written, as lower-case hexadecimal text.</summary>
    public string Digest() => Convert.ToHexStringLower(_hash.GetCurrentHash());

    /// <summary>Gives it the mode and time of what it is a copy of, and its name.</summary>
    public void Place()
    {
        SafeFileHandle handle = _stream.SafeFileHandle;
        File.SetUnixFileMode(handle, _entry.Mode);
        File.SetLastWriteTimeUtc(handle, DateTimeOffset.FromUnixTimeSeconds(Math.Clamp(_entry.ModifiedAt, s_earliest, s_latest)).UtcDateTime);
        File.Move(_stream.Name, _place, overwrite: true);
        _placed = true;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _stream.Dispose();
        _hash.Dispose();
        if (!_placed)
        {
            File.Delete(_stream.Name);
        }
    }
}
