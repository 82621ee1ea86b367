namespace MicroVm.Engine.State;

/// <summary>Where tests make a plan fail, be cancelled or die: each step of each plan says that it was taken. Nothing but a test ever listens.</summary>
internal static class Failpoint
{
    /// <summary>What a test does at a point, one of <see cref="Failpoints"/>; null in the product.</summary>
    public static Action<string>? Handler { get; set; }

    /// <summary>Says that a step was taken.</summary>
    public static void Reach(string point) => Handler?.Invoke(point);
}
