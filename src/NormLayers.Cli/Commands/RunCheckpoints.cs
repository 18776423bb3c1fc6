using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using NormLayers.Cli.Configuration;
using NormLayers.Lab.Training;

namespace NormLayers.Cli.Commands;

/// <summary>The checkpoints of one training: <c>--checkpoint</c>, <c>--checkpoint-interval</c> and <c>--resume</c>.</summary>
internal sealed class RunCheckpoints
{
    private const string ProbeKey = "training_probe_interval";

    private static readonly IntegerType _intervalType = new(1, long.MaxValue);

    private readonly string? _path;
    private readonly string? _resume;
    private readonly ModelOrigin _origin;
    private readonly Settings _settings;
    private readonly long _interval;
    private readonly TrainingState? _state;

    /// <summary>Reads the checkpoint to go on from, if there is to be one.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="options">Its flags.</param>
    /// <param name="settings">The training's settings.</param>
    /// <param name="origin">What the training depends on.</param>
    /// <param name="interval">Steps from one checkpoint to the next; 0 is the end of each epoch.</param>
    /// <param name="errors">Receives what is wrong with the checkpoint.</param>
    public RunCheckpoints(ParseResult parsed, TrainOptions options, Settings settings, ModelOrigin origin, long interval, List<Diagnostic> errors)
    {
        (_path, _resume, _settings, _origin, _interval) = (parsed.GetValue(options.Checkpoint), parsed.GetValue(options.Resume), settings, origin, interval);
        _state = _resume is null ? null : Read(options.Resume.Name, _resume, errors);
    }

    /// <summary>Whether the last checkpoint was written, or none was to be.</summary>
    public bool Saved { get; private set; } = true;

    private string ProbeInterval => FormattableString.Invariant($"{_settings.Get(Keys.ProbeInterval)}");

    /// <summary>Reads the flag of the interval.</summary>
    public static long ReadInterval(ParseResult parsed, TrainOptions options, List<Diagnostic> errors)
    {
        if (parsed.GetValue(options.CheckpointInterval) is not null && parsed.GetValue(options.Checkpoint) is null)
        {
            errors.Add(new Diagnostic(Origin.Flag(options.CheckpointInterval.Name), $"needs {options.Checkpoint.Name}, the file to write"));
        }

        return FlagValue.Read(parsed, options.CheckpointInterval, _intervalType, errors, 0);
    }

    /// <summary>What the trainer is told; the user and the log are told what it goes on from.</summary>
    /// <param name="session">Where failures are told.</param>
    public Checkpoints Begin(RunSession session)
    {
        if (_state is not null)
        {
            session.Log.Resume(_resume!, _state.Step);
            session.Note(FormattableString.Invariant($"goes on from '{_resume}' after step {_state.Step}"));
        }

        return new Checkpoints
        {
            Save = _path is null ? null : write => Save(write, session),
            Interval = _interval,
            Metadata = new Dictionary<string, string> { [ModelOrigin.Key] = _origin.ToJson(), [ProbeKey] = ProbeInterval },
            Resume = _state,
        };
    }

    // A checkpoint that cannot be written is told, and the training goes on: the next one may succeed.
    private void Save(Action<Stream> write, RunSession session)
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

    private TrainingState? Read(string flag, string path, List<Diagnostic> errors) => InputFile.Read(
        flag,
        path,
        stream =>
        {
            TrainingState state = TrainingState.Read(stream);
            ModelOrigin its = ModelOrigin.Parse(state.Metadata.GetValueOrDefault(ModelOrigin.Key)
                ?? throw new InvalidDataException($"expected the metadata '{ModelOrigin.Key}', which says what was trained on what, got none."));
            string? probeInterval = state.Metadata.GetValueOrDefault(ProbeKey);
            if (!_settings.IsGiven(Keys.ProbeInterval) && long.TryParse(probeInterval, NumberStyles.None, CultureInfo.InvariantCulture, out long begun))
            {
                // A report's own choice of probes ends where a training goes on that chose otherwise.
                _settings.Resolve(Keys.ProbeInterval, begun);
            }

            errors.AddRange(Differences(its, probeInterval).Select(d => new Diagnostic(Origin.Flag(flag), $"'{path}' is of another training: {d}")));
            return state;
        },
        errors);

    private IEnumerable<string> Differences(ModelOrigin its, string? probeInterval)
    {
        if (its.Version != _origin.Version)
        {
            yield return $"version {its.Version} of the library began it, and this is {_origin.Version}";
        }

        foreach (string key in Paths(_origin.Config).Union(Paths(its.Config)))
        {
            (JsonNode? here, JsonNode? there) = (Find(_origin.Config, key), Find(its.Config, key));
            if (!JsonNode.DeepEquals(here, there))
            {
                yield return $"{key} is {there?.ToJsonString() ?? "null"} there and {here?.ToJsonString() ?? "null"} here";
            }
        }

        if (probeInterval != ProbeInterval)
        {
            yield return $"{Keys.ProbeInterval.Path} is {probeInterval ?? "not said"} there and {ProbeInterval} here";
        }

        if (its.Hash != _origin.Hash)
        {
            yield return its.Name == _origin.Name
                ? $"the data differ: the content of '{its.Name}' is another one here"
                : $"the data differ, '{its.Name}' there and '{_origin.Name}' here";
        }
    }

    private static IEnumerable<string> Paths(JsonObject config) =>
        config.SelectMany(section => section.Value is JsonObject keys ? keys.Select(k => $"{section.Key}.{k.Key}") : [section.Key]);

    private static JsonNode? Find(JsonObject config, string path) => path.Split('.', 2) is [var section, var key] ? (config[section] as JsonObject)?[key] : config[path];
}
