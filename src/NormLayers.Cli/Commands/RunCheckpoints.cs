using System.CommandLine;
using System.Text.Json.Nodes;
using NormLayers.Cli.Configuration;
using NormLayers.Lab.Training;

namespace NormLayers.Cli.Commands;

/// <summary>The checkpoints of one training: <c>--checkpoint</c>, <c>--checkpoint-interval</c> and <c>--resume</c>.</summary>
/// <param name="parsed">The command line.</param>
/// <param name="options">Its flags.</param>
/// <param name="session">Where failures are told.</param>
/// <param name="origin">What the training depends on.</param>
/// <param name="interval">Steps from one checkpoint to the next; 0 is the end of each epoch.</param>
internal sealed class RunCheckpoints(ParseResult parsed, TrainOptions options, RunSession session, ModelOrigin origin, long interval)
{
    private const string ProbeKey = "training_probe_interval";

    private static readonly IntegerType _intervalType = new(1, long.MaxValue);

    private readonly string? _path = parsed.GetValue(options.Checkpoint);
    private readonly string? _resume = parsed.GetValue(options.Resume);
    private readonly string _probeInterval = FormattableString.Invariant($"{session.Settings.Get(Keys.ProbeInterval)}");

    /// <summary>Whether the last checkpoint was written, or none was to be.</summary>
    public bool Saved { get; private set; } = true;

    /// <summary>What the trainer is told.</summary>
    public Checkpoints ForTrainer { get; private set; } = new();

    /// <summary>Reads the flag of the interval.</summary>
    public static long ReadInterval(ParseResult parsed, TrainOptions options, List<Diagnostic> errors)
    {
        if (parsed.GetValue(options.CheckpointInterval) is not null && parsed.GetValue(options.Checkpoint) is null)
        {
            errors.Add(new Diagnostic(Origin.Flag(options.CheckpointInterval.Name), $"needs {options.Checkpoint.Name}, the file to write"));
        }

        return FlagValue.Read(parsed, options.CheckpointInterval, _intervalType, errors, 0);
    }

    /// <summary>Reads the checkpoint to go on from, if there is to be one, or reports what is wrong with it.</summary>
    public bool TryOpen()
    {
        List<Diagnostic> errors = [];
        TrainingState? state = _resume is null ? null : Read(_resume, errors);
        if (errors.Count > 0)
        {
            RunSession.Report(errors);
            return false;
        }

        if (state is not null)
        {
            session.Log.Resume(_resume!, state.Step);
            session.Note(FormattableString.Invariant($"goes on from '{_resume}' after step {state.Step}"));
        }

        ForTrainer = new Checkpoints
        {
            Save = _path is null ? null : Save,
            Interval = interval,
            Metadata = new Dictionary<string, string> { [ModelOrigin.Key] = origin.ToJson(), [ProbeKey] = _probeInterval },
            Resume = state,
        };
        return true;
    }

    // A checkpoint that cannot be written is told, and the training goes on: the next one may succeed.
    private void Save(Action<Stream> write)
    {
        bool before = Saved;
        Saved = ResultFile.TryWrite(
            _path,
            "checkpoint",
            () =>
            {
                using MemoryStream stream = new();
                try
                {
                    write(stream);
                }
                catch (ArgumentException e)
                {
                    // A header beyond the format's limit: hundreds of thousands of probes.
                    throw new IOException(e.Message, e);
                }

                return stream.ToArray();
            },
            quiet: true,
            message =>
            {
                if (before)
                {
                    session.ReportFailure(message);
                }
            });
    }

    private TrainingState? Read(string path, List<Diagnostic> errors)
    {
        Origin flag = Origin.Flag(options.Resume.Name);
        try
        {
            if (Directory.Exists(path))
            {
                throw new InvalidDataException("expected a file, got a folder.");
            }

            using FileStream stream = File.OpenRead(path);
            TrainingState state = TrainingState.Read(stream);
            ModelOrigin its = ModelOrigin.Parse(state.Metadata.GetValueOrDefault(ModelOrigin.Key)
                ?? throw new InvalidDataException($"expected the metadata '{ModelOrigin.Key}', which says what was trained on what, got none."));
            errors.AddRange(Differences(its, state.Metadata.GetValueOrDefault(ProbeKey)).Select(d => new Diagnostic(flag, $"'{path}' is of another training: {d}")));
            return state;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            errors.Add(new Diagnostic(flag, $"the file '{path}' does not exist"));
        }
        catch (Exception e) when (e is InvalidDataException or IOException or UnauthorizedAccessException or NotSupportedException)
        {
            errors.Add(new Diagnostic(flag, $"cannot read '{path}': {e.Message}"));
        }

        return null;
    }

    private IEnumerable<string> Differences(ModelOrigin its, string? probeInterval)
    {
        if (its.Version != origin.Version)
        {
            yield return $"version {its.Version} of the library began it, and this is {origin.Version}";
        }

        foreach (string key in Paths(origin.Config).Union(Paths(its.Config)))
        {
            (JsonNode? here, JsonNode? there) = (Find(origin.Config, key), Find(its.Config, key));
            if (!JsonNode.DeepEquals(here, there))
            {
                yield return $"{key} is {there?.ToJsonString() ?? "null"} there and {here?.ToJsonString() ?? "null"} here";
            }
        }

        if (probeInterval != _probeInterval)
        {
            yield return $"{Keys.ProbeInterval.Path} is {probeInterval ?? "not said"} there and {_probeInterval} here";
        }

        if (its.Hash != origin.Hash)
        {
            yield return $"the data differ, '{its.Name}' there and '{origin.Name}' here";
        }
    }

    private static IEnumerable<string> Paths(JsonObject config) =>
        config.SelectMany(section => section.Value is JsonObject keys ? keys.Select(k => $"{section.Key}.{k.Key}") : [section.Key]);

    private static JsonNode? Find(JsonObject config, string path) => path.Split('.', 2) is [var section, var key] ? (config[section] as JsonObject)?[key] : config[path];
}
