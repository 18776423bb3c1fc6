using NormLayers.Cli.Configuration;
using NormLayers.Data;
using NormLayers.Numerics;

namespace NormLayers.Cli.Commands;

/// <summary>The seeds of a run's three random streams: the first three 64-bit numbers drawn with <c>data.random_seed</c>.</summary>
internal sealed record RunSeeds(ulong Data, ulong Weights, ulong Order)
{
    public static RunSeeds From(long seed)
    {
        RandomSource random = new((ulong)seed);
        return new RunSeeds(random.NextBits(), random.NextBits(), random.NextBits());
    }
}

/// <summary>Brings the samples that the settings ask for.</summary>
internal static class TrainingData
{
    /// <summary>Reads or draws the data, and sets the sizes in the settings to what it turned out to be.</summary>
    /// <param name="settings">What to read; n_train, n_test, n_features, n_classes and standardize are resolved.</param>
    /// <param name="seed">The seed of what is drawn and of which samples are held out.</param>
    /// <param name="notes">Receives what a user should know.</param>
    /// <param name="errors">Receives what is wrong with the data.</param>
    /// <returns>The data; null if there are errors.</returns>
    public static DataSplit? Load(Settings settings, ulong seed, List<string> notes, List<Diagnostic> errors)
    {
        DataSource source = settings.Get(Keys.Source);
        DataSplit? split;
        try
        {
            split = source switch
            {
                DataSource.Synthetic => SyntheticClassification.Generate(ToOptions(settings, seed)),
                DataSource.Digits => HoldOut(Digits.Load(), settings, seed, notes, errors),
                DataSource.Csv => HoldOut(CsvData.Read(settings.Get(Keys.DataPath)!, ToCsvOptions(settings)), settings, seed, notes, errors),
                _ => Limit(IdxData.ReadFolder(settings.Get(Keys.DataPath)!), settings, seed, notes),
            };
        }
        catch (DataFormatException e)
        {
            errors.Add(new Diagnostic(settings.PlaceOf(Keys.DataPath), e.Message));
            return null;
        }

        if (split is null)
        {
            return null;
        }

        bool standardize = settings.Get(Keys.Standardize) ?? source == DataSource.Csv;
        settings.Resolve<bool?>(Keys.Standardize, standardize);
        settings.Resolve(Keys.TrainCount, split.Train.Count);
        settings.Resolve(Keys.TestCount, split.Test.Count);
        settings.Resolve(Keys.Features, split.Train.FeatureCount);
        settings.Resolve(Keys.Classes, split.Train.ClassCount);
        if (source != DataSource.Synthetic)
        {
            new SettingRules(settings, errors).CheckBatches(split.Train.Count);
        }

        return errors.Count > 0 ? null : standardize ? split.Standardize() : split;
    }

    private static DataSplit? HoldOut(Dataset all, Settings settings, ulong seed, List<string> notes, List<Diagnostic> errors)
    {
        int test = settings.GetInt(Keys.TestCount);
        if (test > all.Count - all.ClassCount)
        {
            errors.Add(new Diagnostic(
                settings.PlaceOf(Keys.TestCount),
                FormattableString.Invariant($"cannot hold out {test} of the {all.Count} samples of {all.Name} for the test; set n_test to {all.Count / 5}, say")));
            return null;
        }

        DataSplit split = all.Split(test, seed);
        return split with { Train = TakeAtMost(split.Train, settings, Keys.TrainCount, seed, notes) };
    }

    private static DataSplit Limit(DataSplit split, Settings settings, ulong seed, List<string> notes) => new(
        TakeAtMost(split.Train, settings, Keys.TrainCount, seed, notes),
        TakeAtMost(split.Test, settings, Keys.TestCount, seed, notes));

    private static Dataset TakeAtMost(Dataset set, Settings settings, Key<long> key, ulong seed, List<string> notes)
    {
        int wanted = settings.GetInt(key);
        if (wanted == set.Count)
        {
            return set;
        }

        notes.Add(FormattableString.Invariant(wanted > set.Count
            ? (FormattableString)$"data.{key.Name} is {wanted}, but {set.Name} has {set.Count} samples for it: all {set.Count} are used"
            : $"data.{key.Name} is {wanted}: a random subset of the {set.Count} samples of {set.Name} is used"));
        return wanted > set.Count ? set : set.Take(wanted, seed);
    }

    private static SyntheticOptions ToOptions(Settings settings, ulong seed) => new()
    {
        TrainCount = settings.GetInt(Keys.TrainCount),
        TestCount = settings.GetInt(Keys.TestCount),
        Features = settings.GetInt(Keys.Features),
        Classes = settings.GetInt(Keys.Classes),
        Separation = settings.Get(Keys.Separation),
        ScaleSpread = settings.Get(Keys.ScaleSpread),
        OffsetSpread = settings.Get(Keys.OffsetSpread),
        Seed = seed,
    };

    private static CsvOptions ToCsvOptions(Settings settings) => new()
    {
        LabelColumn = settings.Get(Keys.LabelColumn),
        Header = settings.Get(Keys.Header),
        Delimiter = settings.Get(Keys.Delimiter),
        SkipLines = settings.GetInt(Keys.SkipLines),
    };
}
