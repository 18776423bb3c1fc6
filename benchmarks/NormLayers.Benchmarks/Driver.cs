using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using NormLayers.Cli.Bench;
using NormLayers.Cli.Output;

namespace NormLayers.Benchmarks;

/// <summary>Runs all peers side by side: case by case, each prepared and checked, then in rounds in which they take turns.</summary>
internal sealed class Driver(SuiteKind suite, IReadOnlyList<int> threads, IReadOnlyList<string> names, string filter, bool narrow)
{
    private readonly int _rounds = suite == SuiteKind.Quick ? 3 : 5;
    private readonly double _milliseconds = suite == SuiteKind.Quick ? 20 : 40;
    private readonly List<ResultRow> _rows = [];
    private readonly List<string> _problems = [];
    private readonly Dictionary<string, string> _versions = [];
    private readonly double _loadBefore = double.Parse(File.ReadAllText("/proc/loadavg").Split(' ')[0], CultureInfo.InvariantCulture);

    public ResultFile Run()
    {
        foreach (int count in threads)
        {
            List<PeerProcess> peers = Start(count);
            try
            {
                foreach (object timed in Suite.Norms(suite).Concat<object>(Suite.Steps(suite)).Where(c => c.ToString()!.Contains(filter, StringComparison.Ordinal)))
                {
                    MeasureCase(timed, count, peers);
                }
            }
            finally
            {
                peers.ForEach(p => p.Dispose());
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
            Rows = _rows,
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

    private void MeasureCase(object timed, int count, List<PeerProcess> peers)
    {
        Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{count} thread{(count == 1 ? string.Empty : "s")}  {timed}"));
        string? dataFile = null;
        try
        {
            Func<PeerProcess, Preparation> prepare = timed is StepCase step ? StepPreparation(step, dataFile = Path.GetTempFileName()) : PrepareNorm;

            List<Turns> ready = [];
            foreach (PeerProcess peer in peers.ToArray())
            {
                (bool taken, double? error) = Try(timed, peer, peers, prepare);
                if (error is { } wrong && !(wrong <= OutputCheck.Tolerance))
                {
                    Report(string.Create(CultureInfo.InvariantCulture, $"{peer.Name}, {timed}: wrong by {wrong:0.0e0} of the largest value; not timed"));
                }
                else if (taken)
                {
                    ready.Add(new Turns(peer, error));
                }
            }

            Measure(timed, count, peers, ready);
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

    private static Func<PeerProcess, Preparation> StepPreparation(StepCase timed, string dataFile)
    {
        int steps = timed.Features > 100 ? 2 : 5;
        StepData data = new(timed);
        double[] expected = StepReference.Losses(timed, data, steps);
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
                ["case"] = timed.ToString(),
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

    private void Measure(object timed, int count, List<PeerProcess> peers, List<Turns> ready)
    {
        for (int round = 0; round < _rounds; round++)
        {
            for (int turn = 0; turn < ready.Count; turn++)
            {
                // Another one begins each round.
                Turns turns = ready[(turn + round) % ready.Count];
                JsonNode? answer = peers.Contains(turns.Peer)
                    ? Try(timed, turns.Peer, peers, p => p.Ask(new JsonObject { ["do"] = "measure", ["milliseconds"] = _milliseconds }))
                    : null;
                if (answer is not null)
                {
                    turns.Times.Add((double)answer["ns"]!);
                    turns.Bytes = (double?)answer["bytes"];
                }
            }
        }

        foreach (Turns turns in ready.Where(t => peers.Contains(t.Peer)))
        {
            _rows.Add(new ResultRow(timed.ToString()!, count, turns.Peer.Name, turns.Times, turns.Bytes, turns.Error));
        }
    }

    // A peer that ends is named and takes no further part.
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
        _problems.Add(problem);
        Console.Error.WriteLine("problem: " + problem);
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

    /// <summary>What a peer's turns on a case gave.</summary>
    private sealed class Turns(PeerProcess peer, double? error)
    {
        public PeerProcess Peer { get; } = peer;

        public double? Error { get; } = error;

        public List<double> Times { get; } = [];

        public double? Bytes { get; set; }
    }
}
