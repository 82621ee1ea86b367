using System.Globalization;

namespace MicroVm.Engine.Guest.Files;

/// <summary>Counts what has been copied and says so.</summary>
/// <param name="observer">Hears it.</param>
/// <param name="activity">The copy as a whole.</param>
internal sealed class CopyMeter(IOperationObserver observer, string activity)
{
    private const double MiB = 1 << 20;

    private long _totalBytes;
    private int _totalFiles;
    private long _doneBytes;

    /// <summary>The files that are there, whole.</summary>
    public int Files { get; private set; }

    /// <summary>The bytes of all files that are there, whole.</summary>
    public long Bytes { get; private set; }

    /// <summary>Says what is looked for.</summary>
    public void Look() => observer.Progress(new OperationProgress(activity, "Looking for files"));

    /// <summary>Says how much there is.</summary>
    public void Begin(IReadOnlyCollection<TreeEntry> files)
    {
        _totalFiles = files.Count;
        _totalBytes = files.Sum(file => file.Length);
    }

    /// <summary>Some more bytes of a file have been copied.</summary>
    public void Move(TreeEntry file, int bytes)
    {
        _doneBytes += bytes;
        string status = string.Create(
            CultureInfo.InvariantCulture,
            $"{PrintableText.Of(file.Name)} ({_doneBytes / MiB:0.0} of {_totalBytes / MiB:0.0} MiB, {Files} of {_totalFiles} files)");
        observer.Progress(new OperationProgress(activity, status, Percent()));
    }

    /// <summary>Files are there, whole.</summary>
    public void Finish(IReadOnlyCollection<TreeEntry> files)
    {
        Files += files.Count;
        Bytes += files.Sum(file => file.Length);
    }

    private int Percent() => _totalBytes > 0 ? (int)(_doneBytes * 100 / _totalBytes) : _totalFiles > 0 ? Files * 100 / _totalFiles : 100;
}
