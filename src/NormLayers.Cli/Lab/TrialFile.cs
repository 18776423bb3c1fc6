using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using NormLayers.Cli.Configuration;
using NormLayers.Cli.Output;

namespace NormLayers.Cli.Lab;

/// <summary>One trial of a sweep as its file holds it: nothing in it differs from run to run.</summary>
internal sealed record TrialFile
{
    /// <summary>Below this share of ln(classes), the loss of guessing, a training loss counts as learnt.</summary>
    public const double LearntShare = 0.5;

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

    public required string Library { get; init; }

    /// <summary>What the trial is in the map.</summary>
    public SweepOutcome Outcome =>
        DivergedAtStep is not null ? SweepOutcome.Diverges
        : TrainLoss <= LearntShare * Math.Log((long)Config["data"]!["n_classes"]!) ? SweepOutcome.Trains
        : SweepOutcome.Stalls;

    public static TrialFile From(TrialResult trial) => new()
    {
        Seed = trial.Settings.Get(Keys.Seed),
        Status = trial.Result.Status.ToString().ToLowerInvariant(),
        TrainLoss = trial.Result.Train.Loss,
        TrainAccuracy = trial.Result.Train.Accuracy,
        TestLoss = trial.Result.Test.Loss,
        TestAccuracy = trial.Result.Test.Accuracy,
        Steps = trial.Result.Steps,
        DivergedAtStep = trial.Result.Divergence?.Step,
        Divergence = DivergenceDocument.From(trial.Result.Divergence),
        Config = ConfigOf(trial.Settings),
        Library = MachineInfo.NormLayersVersion,
    };

    /// <summary>The file of a trial: a hash of all that its result depends on, the library's version among it.</summary>
    public static string NameOf(Settings settings)
    {
        byte[] hash = SHA256.HashData(Encoding.UTF8.GetBytes(MachineInfo.NormLayersVersion + "\n" + ConfigOf(settings).ToJsonString()));
        return Convert.ToHexStringLower(hash.AsSpan(0, 10)) + ".json";
    }

    /// <summary>Reads the file of a trial.</summary>
    /// <exception cref="InvalidDataException">It is damaged, or another trial's.</exception>
    public static TrialFile Read(string path, Settings settings)
    {
        try
        {
            TrialFile? file = JsonSerializer.Deserialize(File.ReadAllBytes(path), ResultJson.Default.TrialFile);
            if (file is not null && file.Config.ToJsonString() == ConfigOf(settings).ToJsonString())
            {
                return file;
            }
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"'{path}' is damaged ({e.Message}); delete it to run its trial again", e);
        }

        throw new InvalidDataException($"'{path}' holds another trial than its name says; delete it to run its trial again");
    }

    public byte[] ToUtf8() => [.. JsonSerializer.SerializeToUtf8Bytes(this, ResultJson.Default.TrialFile), (byte)'\n'];

    // Neither the log nor probes change a result.
    private static JsonObject ConfigOf(Settings settings) => settings.ToJson(Keys.LogLevel, Keys.LogFile, Keys.ProbeInterval);
}

/// <summary>What a trial, or most trials of a cell, do; worse ones later.</summary>
internal enum SweepOutcome
{
    /// <summary>The final training loss is at most half of ln(classes), the loss of guessing.</summary>
    Trains,

    /// <summary>The loss stayed finite and did not fall so far.</summary>
    Stalls,

    /// <summary>The loss was no longer finite.</summary>
    Diverges,
}
