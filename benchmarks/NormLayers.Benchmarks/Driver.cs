using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using NormLayers.Cli.Bench;
using NormLayers.Cli.Output;

namespace NormLayers.Benchmarks;

/// <summary>
/// Runs all peers side by side, in rounds: in each, every peer is a new process, and case by case is prepared, checked and measured once,
/// the peers taking turns. Where a process happens to get its memory and its code makes a difference, and is part of the spread so.
/// </summary>
internal sealed class Driver(SuiteKind suite, IReadOnlyList<int> threads, IReadOnlyList<string> names, string filter, bool narrow, int rounds)
{
    private readonly int _rounds = rounds > 0 ? rounds : suite == SuiteKind.Quick ? 3 : 5;
    private readonly double _milliseconds = suite == SuiteKind.Quick ? 20 : 40;
    private readonly Dictionary<(string Case, int Threads, string Peer), Turns> _turns = [];
    private readonly List<string> _problems = [];
    private readonly Dictionary<string, string> _versions = [];
    private readonly Dictionary<string, double[]> _expectedLosses = [];
    private readonly double _loadBefore = double.Parse(File.ReadAllText("/proc/loadavg").Split(' ')[0], CultureInfo.InvariantCulture);

    public ResultFile Run()
    {
        object[] cases = [.. Suite.Norms(suite).Concat<object>(Suite.Products(suite)).Concat(Suite.Steps(suite)).Where(c => c.ToString()!.Contains(filter, StringComparison.Ordinal))];
        for (int round = 0; round < _rounds; round++)
        {
            foreach (int count in threads)
            {
                Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"round {round + 1} of {_rounds}, {count} thread{(count == 1 ? string.Empty : "s")}"));
                List<PeerProcess> peers = Start(count);
                try
                {
                    foreach (object timed in cases)
                    {
                        MeasureCase(timed, count, round, peers);
                    }
                }
                finally
                {
                    peers.ForEach(p => p.Dispose());
                }
            }
        }

        return new ResultFile
        {
            Date = DateTimeOffset.UtcNow,
            Commit = Commit(),
            Machine = MachineInfo.Read(),
            Settings = new RunSettings(suite.ToString().ToLowerInvariant(), _rounds, _milliseconds, narrow, OutputCheck.Tolerance, _loadBefore),
            Peers = [.. _versions.Select(v => new PeerVersion(v.Key, v.Value))],
            Problems = _problems,
            Rows =
            [
                .. from entry in _turns
                   orderby entry.Key.Threads, Array.FindIndex(cases, c => c.ToString() == entry.Key.Case), names.ToList().IndexOf(entry.Key.Peer)
                   select new ResultRow(entry.Key.Case, entry.Key.Threads, entry.Key.Peer, entry.Value.Times, entry.Value.Bytes, entry.Value.Error),
            ],
        };
    }

    private List<PeerProcess> Start(int count)
    {
        List<PeerProcess> peers = [];
        foreach (string name in names.Where(n => count == 1 || PeerProcess.IsParallel(n)))
        {
            try
            {
                peers.Add(PeerProcess.Start(name, count, narrow));
                _versions[name] = peers[^1].Version;
            }
            catch (Exception e) when (e is InvalidOperationException or System.ComponentModel.Win32Exception)
            {
                Report($"{name} does not run here: {e.Message}");
            }
        }

        return peers;
    }

    private void MeasureCase(object timed, int count, int round, List<PeerProcess> peers)
    {
        string? dataFile = null;
        try
        {
            Func<PeerProcess, Preparation> prepare = timed is StepCase step ? StepPreparation(step, dataFile = Path.GetTempFileName()) : PrepareNorm;

            List<(PeerProcess Peer, double? Error)> ready = [];
            foreach (PeerProcess peer in peers.ToArray())
            {
                (bool taken, double? error) = Try(timed, peer, peers, prepare);
                if (error is { } wrong && !(wrong <= OutputCheck.Tolerance))
                {
                    Report(string.Create(CultureInfo.InvariantCulture, $"{peer.Name}, {timed}: wrong by {wrong:0.0e0} of the largest value or term; not timed"));
                }
                else if (taken)
                {
                    ready.Add((peer, error));
                }
            }

            for (int turn = 0; turn < ready.Count; turn++)
            {
                // Another one begins each round.
                (PeerProcess peer, double? error) = ready[(turn + round) % ready.Count];
                if (Try(timed, peer, peers, p => p.Ask(new JsonObject { ["do"] = "measure", ["milliseconds"] = _milliseconds })) is { } answer)
                {
                    (string, int, string) key = (timed.ToString()!, count, peer.Name);
                    Turns turns = _turns.TryGetValue(key, out Turns? before) ? before : _turns[key] = new Turns();
                    turns.Add((double)answer["ns"]!, (double?)answer["bytes"], error);
                }
            }
        }
        finally
        {
            if (dataFile is not null)
            {
                File.Delete(dataFile);
            }
        }

        Preparation PrepareNorm(PeerProcess peer)
        {
            JsonNode answer = peer.Ask(new JsonObject { ["do"] = "prepare", ["case"] = timed.ToString() });
            return new Preparation((bool)answer["taken"]!, (double?)answer["error"]);
        }
    }

    private Func<PeerProcess, Preparation> StepPreparation(StepCase timed, string dataFile)
    {
        int steps = timed.Features > 100 ? 2 : 5;
        StepData data = new(timed);
        string name = timed.ToString();
        double[] expected = _expectedLosses.TryGetValue(name, out double[]? known) ? known : _expectedLosses[name] = StepReference.Losses(timed, data, steps);
        using (FileStream stream = File.OpenWrite(dataFile))
        {
            foreach (float[] part in (IEnumerable<float[]>)[data.X, Array.ConvertAll(data.Labels, l => (float)l), .. timed.CreateNetwork().Parameters.Select(p => p.Value)])
            {
                stream.Write(MemoryMarshal.AsBytes<float>(part));
            }
        }

        return peer =>
        {
            JsonNode answer = peer.Ask(new JsonObject
            {
                ["do"] = "prepare",
                ["case"] = name,
                ["steps"] = steps,
                ["data"] = dataFile,
                ["widths"] = new JsonArray([.. timed.Widths.Select(w => (JsonNode)w)]),
                ["batch"] = timed.BatchSize,
                ["batches"] = StepData.Batches,
                ["mode"] = timed.ModeName,
                ["learning_rate"] = StepCase.LearningRate,
            });
            return (bool)answer["taken"]!
                ? new Preparation(true, expected.Zip(answer["losses"]!.AsArray(), (want, got) => Math.Abs((double)got! - want)).Max() / expected.Max())
                : new Preparation(false, null);
        };
    }

    // A peer that ends is named and takes no further part in the round.
    private T? Try<T>(object timed, PeerProcess peer, List<PeerProcess> peers, Func<PeerProcess, T> ask)
    {
        try
        {
            return ask(peer);
        }
        catch (InvalidOperationException e)
        {
            Report($"{peer.Name}, {timed}: {e.Message}");
            peers.Remove(peer);
            peer.Dispose();
            return default;
        }
    }

    private void Report(string problem)
    {
        if (!_problems.Contains(problem))
        {
            _problems.Add(problem);
            Console.Error.WriteLine("problem: " + problem);
        }
    }

    private static string Commit()
    {
        string commit = Git("rev-parse", "--short", "HEAD");
        return Git("status", "--porcelain", "--untracked-files=no", "--", "src", "benchmarks/NormLayers.Benchmarks").Length == 0 ? commit : commit + "+changes";
    }

    private static string Git(params string[] arguments)
    {
        using Process git = Process.Start(new ProcessStartInfo("git", ["-C", Repository.Root, .. arguments]) { RedirectStandardOutput = true })!;
        string output = git.StandardOutput.ReadToEnd().Trim();
        git.WaitForExit();
        return output;
    }

    /// <summary>Whether a peer does a case, and the worst error of its outputs; null where it computes nothing.</summary>
    private readonly record struct Preparation(bool Taken, double? Error);

    /// <summary>What a peer's turns on a case gave, one a round.</summary>
    private sealed class Turns
    {
        public List<double> Times { get; } = [];

        public double? Bytes { get; private set; }

        public double? Error { get; private set; }

        public void Add(double nanoseconds, double? bytes, double? error)
        {
            Times.Add(nanoseconds);
            Bytes = bytes;
            Error = error;
        }
    }
}
