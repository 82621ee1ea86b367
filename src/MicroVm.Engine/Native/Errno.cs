namespace MicroVm.Engine.Native;

/// <summary>The error numbers the engine decides by (errno(3); the same on x86-64 and arm64).</summary>
internal static class Errno
{
    public const int NotPermitted = 1;
    public const int NoSuchFile = 2;
    public const int NoSuchProcess = 3;
    public const int Interrupted = 4;
    public const int NoSuchDevice = 6;
    public const int BadDescriptor = 9;
    public const int TryAgain = 11;
    public const int PermissionDenied = 13;
    public const int Busy = 16;
    public const int FileExists = 17;
    public const int NoDevice = 19;
    public const int NotADirectory = 20;
    public const int InvalidArgument = 22;
    public const int TooManyFiles = 24;
    public const int TextBusy = 26;
    public const int NoSpace = 28;
    public const int OutOfRange = 34;
    public const int NoMessage = 42;
    public const int MessageTooLong = 90;
    public const int ProtocolNotSupported = 93;
    public const int NotSupported = 95;
    public const int AddressFamilyNotSupported = 97;
    public const int NetworkUnreachable = 101;
    public const int HostUnreachable = 113;
}
