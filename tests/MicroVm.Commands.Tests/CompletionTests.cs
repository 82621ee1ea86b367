using System.Collections;
using MicroVm.Commands.Completion;
using MicroVm.Engine;
using Xunit;

namespace MicroVm.Commands.Tests;

public class CompletionTests
{
    [PwshFact]
    public void Names_that_begin_so_come_sorted_and_once() =>
        Assert.Equal(["web-1", "Web-2"], Complete(() => ["Web-2", "db", "web-1", "WEB-1"], "we"));

    [PwshTheory]
    [InlineData("plain-1.0_x", "plain-1.0_x")]
    [InlineData("two words", "'two words'")]
    [InlineData("it's", "'it''s'")]
    [InlineData("-dash", "'-dash'")]
    [InlineData("$home", "'$home'")]
    public void Names_are_quoted_where_needed(string name, string expected) => Assert.Equal([expected], Complete(() => [name], string.Empty));

    [PwshFact]
    public void A_word_begun_in_quotes_is_completed() => Assert.Equal(["'two words'"], Complete(() => ["two words"], "'two"));

    [PwshFact]
    public void A_failing_search_offers_what_it_found() => Assert.Equal(["a"], Complete(Failing, string.Empty));

    [PwshFact]
    public void A_slow_search_does_not_keep_the_user_waiting()
    {
        using ManualResetEventSlim release = new();
        long start = Environment.TickCount64;

        string[] offered = Complete(() => Slow(release), string.Empty);

        Assert.Equal(["a"], offered);
        Assert.InRange(Environment.TickCount64 - start, 0, 2000);
        release.Set();
    }

    // On a busy host a search may find nothing in its time; a user would press the key again.
    private static string[] Complete(Func<IEnumerable<string>> names, string word)
    {
        long start = Environment.TickCount64;
        while (true)
        {
            string[] offered = [.. new FakeCompleter(names).CompleteArgument("Get-MicroVm", "Name", word, null!, new Hashtable()).Select(result => result.CompletionText)];
            if (offered.Length > 0 || Environment.TickCount64 - start > 30_000)
            {
                return offered;
            }
        }
    }

    private static IEnumerable<string> Failing()
    {
        yield return "a";
        throw new IOException("gone");
    }

    private static IEnumerable<string> Slow(ManualResetEventSlim release)
    {
        yield return "a";
        release.Wait(TimeSpan.FromSeconds(10));
        yield return "b";
    }

    private sealed class FakeCompleter(Func<IEnumerable<string>> names) : NameCompleter
    {
        private protected override IEnumerable<Candidate> Find(MicroVmEngine engine, string commandName, IDictionary boundParameters) =>
            names().Select(name => new Candidate(name, string.Empty));
    }
}
