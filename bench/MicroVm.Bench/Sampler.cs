using System.Diagnostics;

namespace MicroVm.Bench;

/// <summary>
/// Takes samples of several things in turn, A B C A B C …, so that what else the machine does meanwhile falls on all of them alike.
/// </summary>
internal static class Sampler
{
    /// <summary>Takes samples.</summary>
    /// <param name="warmUp">Rounds whose samples are thrown away.</param>
    /// <param name="rounds">Rounds that count.</param>
    /// <param name="candidates">What is measured.</param>
    public static List<Series> Interleave(int warmUp, int rounds, params IReadOnlyList<Candidate> candidates)
    {
        List<List<double>> samples = [.. candidates.Select(_ => new List<double>())];
        for (int round = -warmUp; round < rounds; round++)
        {
            for (int i = 0; i < candidates.Count; i++)
            {
                double sample = candidates[i].Take();
                if (round >= 0)
                {
                    samples[i].Add(sample);
                }
            }
        }

        return [.. candidates.Select((candidate, i) => new Series(candidate.Name, samples[i], candidate.IsBaseline))];
    }

    /// <summary>How long an action takes, in milliseconds.</summary>
    public static double Time(Action action)
    {
        long start = Stopwatch.GetTimestamp();
        action();
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }
}
