using System.Collections;
using System.Collections.Concurrent;
using System.Management.Automation;
using System.Management.Automation.Language;
using MicroVm.Engine;
using MicroVm.Engine.State;

namespace MicroVm.Commands.Completion;

/// <summary>
/// Completes names. A completer must neither fail nor keep the user waiting: it offers what it found within its time, or nothing.
/// </summary>
public abstract class NameCompleter : IArgumentCompleter
{
    private static readonly TimeSpan TimeLimit = TimeSpan.FromMilliseconds(100);

    /// <inheritdoc/>
    public IEnumerable<CompletionResult> CompleteArgument(
        string commandName, string parameterName, string wordToComplete, CommandAst commandAst, IDictionary fakeBoundParameters)
    {
        string prefix = CompletionText.Unquote(wordToComplete);
        return Collect(() => Find(new MicroVmEngine(MicroVmPaths.FromEnvironment()), commandName, fakeBoundParameters))
            .Where(found => found.Name.StartsWith(prefix, StringComparison.OrdinalIgnoreCase))
            .DistinctBy(found => found.Name, StringComparer.OrdinalIgnoreCase)
            .OrderBy(found => found.Name, StringComparer.OrdinalIgnoreCase)
            .Select(found => new CompletionResult(
                CompletionText.Quote(found.Name), found.Name, CompletionResultType.ParameterValue, ToolTip(found)));
    }

    /// <summary>Finds the names that could be meant.</summary>
    private protected abstract IEnumerable<Candidate> Find(MicroVmEngine engine, string commandName, IDictionary boundParameters);

    // CompletionResult refuses empty texts.
    private static string ToolTip(Candidate found) => string.IsNullOrEmpty(found.Description) ? found.Name : found.Description;

    private static IEnumerable<Candidate> Collect(Func<IEnumerable<Candidate>> find)
    {
        ConcurrentQueue<Candidate> found = new();
        using CancellationTokenSource limit = new(TimeLimit);
        CancellationToken token = limit.Token;
        Task search = Task.Run(() =>
        {
            foreach (Candidate candidate in find().TakeWhile(_ => !token.IsCancellationRequested))
            {
                found.Enqueue(candidate);
            }
        });

        // WaitAny does not throw: a search that failed has found what it has found.
        Task.WaitAny([search], TimeLimit);
        return [.. found];
    }

    /// <summary>A name, and what the user sees beside it.</summary>
    private protected sealed record Candidate(string Name, string? Description);
}
