namespace MicroVm.Engine.Native;

/// <summary>The pauses between questions to what tells nobody when it has changed: each twice as long as the one before, up to a limit.</summary>
internal static class Pauses
{
    /// <summary>The pause after this one.</summary>
    public static TimeSpan After(TimeSpan pause, TimeSpan longest) => pause * 2 < longest ? pause * 2 : longest;
}
