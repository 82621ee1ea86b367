namespace MicroVm.Engine.Native;

/// <summary>The signals the engine sends (signal(7)).</summary>
internal static class Signals
{
    public const int Kill = 9;
    public const int Terminate = 15;
}
