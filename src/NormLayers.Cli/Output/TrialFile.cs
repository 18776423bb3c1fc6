using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using NormLayers.Cli.Configuration;
using NormLayers.Lab.Data;
using NormLayers.Lab.Training;
using NormLayers.Lab.Trials;

namespace NormLayers.Cli.Output;

/// <summary>One trial of a sweep as its file holds it: nothing in it differs from run to run.</summary>
internal sealed record TrialFile
{
    public required long Seed { get; init; }

    public required string Status { get; init; }

    public required double TrainLoss { get; init; }

    public required double TrainAccuracy { get; init; }

    public required double TestLoss { get; init; }

    public required double TestAccuracy { get; init; }

    public required long Steps { get; init; }

    public required long? DivergedAtStep { get; init; }

    public required DivergenceDocument? Divergence { get; init; }

    public required JsonObject Config { get; init; }

    /// <summary>The hash of the data that were read; null for drawn data.</summary>
    public required string? Data { get; init; }

    public required string Library { get; init; }

    /// <param name="trial">The trial, run to its end.</param>
    /// <param name="settings">The trial's settings.</param>
    /// <param name="data">The hash of the data that were read for it; null for drawn data.</param>
    public static TrialFile From(TrialResult trial, Settings settings, string? data) => new()
    {
        Seed = trial.Options.Seed,
        Status = trial.Result.Status.ToString().ToLowerInvariant(),
        TrainLoss = trial.Result.Train.Loss,
        TrainAccuracy = trial.Result.Train.Accuracy,
        TestLoss = trial.Result.Test.Loss,
        TestAccuracy = trial.Result.Test.Accuracy,
        Steps = trial.Result.Steps,
        DivergedAtStep = trial.Result.Divergence?.Step,
        Divergence = DivergenceDocument.From(trial.Result.Divergence),
        Config = ConfigOf(settings),
        Data = data,
        Library = MachineInfo.NormLayersVersion,
    };

    /// <summary>The file of a trial: a hash of all that its result depends on, the data's content and the library's version among it.</summary>
    /// <param name="settings">The trial's settings.</param>
    /// <param name="data">The hash of the data that were read for it; null for drawn data.</param>
    public static string NameOf(Settings settings, string? data)
    {
        byte[] hash = SHA256.HashData(Encoding.UTF8.GetBytes($"{MachineInfo.NormLayersVersion}\n{data}\n{ConfigOf(settings).ToJsonString()}"));
        return Convert.ToHexStringLower(hash.AsSpan(0, 10)) + ".json";
    }

    /// <summary>Reads the file of a trial, and checks that it is what its name says.</summary>
    /// <exception cref="InvalidDataException">It is damaged, or another trial's.</exception>
    public static TrialSummary Read(string path, Settings settings, DataSummary data)
    {
        byte[] text = [];
        try
        {
            if (ReadablePath.FindProblem(path, mayBePipe: false) is { } unreadable)
            {
                throw new InvalidDataException($"{unreadable}; delete it to run its trial");
            }

            text = File.ReadAllBytes(path);
            TrialFile? file = JsonSerializer.Deserialize(text, ResultJson.Default.TrialFile);
            return (file is null ? "is damaged (it holds null)" : file.FindProblem(settings, data.Hash)) is { } problem
                ? throw new InvalidDataException($"'{path}' {problem}; delete it to run its trial again")
                : file!.ToSummary(settings, data);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InvalidDataException($"'{path}' {FileProblem.Reading(e, path)}", e);
        }
        catch (Exception e) when (e is JsonException or ArgumentException or InvalidOperationException or NotSupportedException or FormatException)
        {
            throw new InvalidDataException($"'{path}' is damaged ({(e is JsonException json ? JsonProblem.Describe(json, text, ResultJson.Default.TrialFile) : e.Message)}); delete it to run its trial again", e);
        }
    }

    /// <summary>The trial in the numbers that a sweep goes on with.</summary>
    /// <param name="settings">The trial's settings.</param>
    /// <param name="data">What it was run on.</param>
    private TrialSummary ToSummary(Settings settings, DataSummary data) => new()
    {
        Seed = Seed,
        GuessingLoss = data.GuessingLoss,
        TrainLoss = TrainLoss,
        TrainAccuracy = TrainAccuracy,
        TestLoss = TestLoss,
        TestAccuracy = TestAccuracy,
        Steps = Steps,
        Divergence = Divergence is null ? null : new Divergence(
            DivergedAtStep!.Value, EpochOf(DivergedAtStep.Value, settings), Divergence.Layer, Enum.Parse<DivergenceKind>(Divergence.Kind, ignoreCase: true), Divergence.Message),
    };

    // A run that diverged in the evaluation after its last update counts one step more than it has.
    private static int EpochOf(long step, Settings settings)
    {
        long epochs = settings.Get(Keys.Epochs);
        return (int)Math.Min(epochs, (step - 1) / (settings.CountSteps() / epochs) + 1);
    }

    // A file from a disk may hold null where the type says that it cannot.
    private string? FindProblem(Settings settings, string? data)
    {
        if (Config is null || Status is null || Library is null)
        {
            return "is damaged (a field is null)";
        }

        if (Seed != settings.Get(Keys.Seed) || Library != MachineInfo.NormLayersVersion || Data != data || !JsonNode.DeepEquals(Config, ConfigOf(settings)))
        {
            return "holds another trial than its name says";
        }

        long steps = settings.CountSteps();
        bool completed = Status == "completed" && Steps == steps && DivergedAtStep is null && Divergence is null && double.IsFinite(TrainLoss);
        bool diverged = Status == "diverged" && DivergedAtStep >= 1 && DivergedAtStep <= steps + 1 && Steps == DivergedAtStep - 1
            && Divergence is { Layer: not null, Kind: not null, Message: not null };
        bool possible = !(TrainLoss < 0) && !(TestLoss < 0) && IsShare(TrainAccuracy) && IsShare(TestAccuracy);
        return (completed || diverged) && possible
            ? null
            : FormattableString.Invariant($"claims what no such trial comes to (status '{Status}' after {Steps} of {steps} steps)");

        static bool IsShare(double value) => !(value < 0 || value > 1);
    }

    public byte[] ToUtf8() => [.. JsonSerializer.SerializeToUtf8Bytes(this, ResultJson.Default.TrialFile), (byte)'\n'];

    // Neither the log nor probes change a result, and of the data it is the content that counts, wherever it was read from.
    public static JsonObject ConfigOf(Settings settings) => settings.ToJson(Keys.LogLevel, Keys.LogFile, Keys.ProbeInterval, Keys.DataPath);
}
