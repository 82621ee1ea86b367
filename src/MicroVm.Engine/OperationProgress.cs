namespace MicroVm.Engine;

/// <summary>One report of progress.</summary>
/// <param name="Activity">What is going on as a whole, such as "Saving snapshot golden of web".</param>
/// <param name="Status">The present step, such as "Memory".</param>
/// <param name="PercentComplete">0 to 100, or -1 where the extent is unknown.</param>
public sealed record OperationProgress(string Activity, string Status, int PercentComplete = -1);
