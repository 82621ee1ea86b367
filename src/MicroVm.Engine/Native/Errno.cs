namespace MicroVm.Engine.Native;

/// <summary>The error numbers the engine decides by (errno(3); the same on x86-64 and arm64).</summary>
internal static class Errno
{
    public const int NoSuchFile = 2;
    public const int NoSuchProcess = 3;
    public const int Interrupted = 4;
    public const int NoSuchDevice = 6;
    public const int TryAgain = 11;
    public const int PermissionDenied = 13;
    public const int FileExists = 17;
    public const int NotADirectory = 20;
    public const int TooManyFiles = 24;
    public const int TextBusy = 26;
    public const int NoSpace = 28;
}
