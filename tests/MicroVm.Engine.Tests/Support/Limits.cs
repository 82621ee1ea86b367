namespace MicroVm.Engine.Tests.Support;

/// <summary>Nothing in a test waits for ever.</summary>
internal static class Limits
{
    /// <summary>What a busy host may take for anything that does not boot a guest.</summary>
    public static readonly TimeSpan Generous = TimeSpan.FromSeconds(30);

    /// <summary>The result, or a failure that says what was waited for.</summary>
    public static async Task<T> Within<T>(this Task<T> task, string what)
    {
        try
        {
            return await task.WaitAsync(Generous);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"Waited {Generous.TotalSeconds} s in vain for {what}.");
        }
    }

    /// <summary>The end of the task, or a failure that says what was waited for.</summary>
    public static async Task Within(this Task task, string what)
    {
        try
        {
            await task.WaitAsync(Generous);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"Waited {Generous.TotalSeconds} s in vain for {what}.");
        }
    }
}
