using MicroVm.Engine.State;

namespace MicroVm.Engine.Tests.Faults;

/// <summary>Hears of the points that are reached by what is called from here, and by nothing else: other tests run at the same time.</summary>
internal sealed class FaultScope : IDisposable
{
    private static readonly AsyncLocal<Action<string>?> s_reached = new();

    static FaultScope() => Failpoint.Handler = point => s_reached.Value?.Invoke(point);

    public FaultScope(Action<string> reached) => s_reached.Value = reached;

    public void Dispose() => s_reached.Value = null;
}
