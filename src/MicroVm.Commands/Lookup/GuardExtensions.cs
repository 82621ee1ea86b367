using System.Management.Automation;
using MicroVm.Engine.Errors;

namespace MicroVm.Commands.Lookup;

/// <summary>Keeps a failing sequence from ending the pipeline.</summary>
internal static class GuardExtensions
{
    /// <summary>Hands on the elements; a failure to get one is written as a non-terminating error and ends the sequence.</summary>
    public static IEnumerable<T> Guard<T>(this Func<IEnumerable<T>> source, Cmdlet cmdlet, object? target)
    {
        IEnumerator<T>? elements = null;
        try
        {
            while (TryMove(source, ref elements, cmdlet, target))
            {
                yield return elements!.Current;
            }
        }
        finally
        {
            elements?.Dispose();
        }
    }

    private static bool TryMove<T>(Func<IEnumerable<T>> source, ref IEnumerator<T>? elements, Cmdlet cmdlet, object? target)
    {
        try
        {
            elements ??= source().GetEnumerator();
            return elements.MoveNext();
        }
        catch (Exception failure) when (failure is MicroVmException or IOException or UnauthorizedAccessException)
        {
            cmdlet.WriteError(ErrorRecords.From(failure, target));
            return false;
        }
    }
}
