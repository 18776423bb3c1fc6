using System.Globalization;
using NormLayers.Cli.Bench;

namespace NormLayers.Benchmarks.Ladder;

/// <summary>Times some ways to do the same on some shapes, in rounds in which all take turns, and prints a table of the medians in microseconds.</summary>
internal static class TurnTable
{
    private const int Rounds = 9;
    private static readonly TimeSpan _turn = TimeSpan.FromMilliseconds(20);

    /// <summary>Measures and prints.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="title">What a way is called.</param>
    /// <param name="shapes">Rows and columns.</param>
    /// <param name="create">The ways for a shape, the same for each.</param>
    public static void Print(
        TextWriter output, string title, IReadOnlyList<(int Rows, int Columns)> shapes, Func<int, int, (string Name, Action Work)[]> create)
    {
        string[] names = [];
        List<double[]> columns = [];
        foreach ((int rows, int features) in shapes)
        {
            (string Name, Action Work)[] ways = create(rows, features);
            names = [.. ways.Select(w => w.Name)];
            WorkTimer[] timers = [.. ways.Select(w => new WorkTimer(w.Work))];
            foreach (WorkTimer timer in timers)
            {
                timer.WarmUp(TimeSpan.FromMilliseconds(300));
            }

            double[][] times = [.. timers.Select(_ => new double[Rounds])];
            for (int round = 0; round < Rounds; round++)
            {
                for (int i = 0; i < timers.Length; i++)
                {
                    times[i][round] = timers[i].Measure(_turn).Nanoseconds;
                }
            }

            columns.Add([.. times.Select(t => WorkTimer.Median(t))]);
        }

        output.WriteLine($"| {title} | {string.Join(" | ", shapes.Select(s => $"{s.Rows}x{s.Columns}"))} |");
        output.WriteLine($"|---|{string.Concat(shapes.Select(_ => "---:|"))}");
        for (int i = 0; i < names.Length; i++)
        {
            output.WriteLine($"| {names[i]} | {string.Join(" | ", columns.Select(c => (c[i] / 1000).ToString(c[i] < 1e4 ? "F2" : c[i] < 1e5 ? "F1" : "F0", CultureInfo.InvariantCulture)))} |");
        }
    }
}
