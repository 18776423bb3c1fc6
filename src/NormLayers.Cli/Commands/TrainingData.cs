using NormLayers.Cli.Configuration;
using NormLayers.Lab.Data;
using NormLayers.Lab.Trials;

namespace NormLayers.Cli.Commands;

/// <summary>Brings the samples of the settings: read or drawn once, and shared by all seeds.</summary>
/// <param name="settings">What to read; n_train, n_test, n_features, n_classes and standardize are resolved.</param>
/// <param name="notes">Receives what a user should know.</param>
/// <param name="errors">Receives what is wrong with the data.</param>
internal sealed class TrainingData(Settings settings, List<string> notes, List<Diagnostic> errors)
{
    private readonly DataSource _source = settings.Get(Keys.Source);
    private readonly bool _standardize = settings.Get(Keys.Standardize) ?? settings.Get(Keys.Source) == DataSource.Csv;
    private readonly int _trainCount = settings.GetInt(Keys.TrainCount);
    private readonly int _testCount = settings.GetInt(Keys.TestCount);

    /// <summary>Reads the data, and sets the sizes in the settings to what it turned out to be.</summary>
    /// <returns>The data of every seed; null if there are errors.</returns>
    public SeedData? Load()
    {
        try
        {
            return _source switch
            {
                DataSource.Synthetic => Share(seed => Draw(settings, seed), hash: null, new DataOrigin()),
                DataSource.Digits => ShareParts(Digits.Load()),
                DataSource.Csv => ShareParts(CsvData.Read(settings.Get(Keys.DataPath)!, ToCsvOptions(settings))),
                _ => ShareSplit(IdxData.ReadFolder(settings.Get(Keys.DataPath)!)),
            };
        }
        catch (DataFormatException e)
        {
            errors.Add(new Diagnostic(settings.PlaceOf(Keys.DataPath), e.Message));
            return null;
        }
    }

    // Training and test set are parts of one set.
    private SeedData? ShareParts(Dataset all)
    {
        int most = all.Count - all.ClassCount;
        if (_testCount > most)
        {
            errors.Add(new Diagnostic(settings.PlaceOf(Keys.TestCount), FormattableString.Invariant(
                $"cannot hold out {_testCount} of the {all.Count} samples of {all.Name} for the test, which has {all.ClassCount} classes; ")
                + (most < 1 ? "a sample of each must be left to train on" : FormattableString.Invariant($"set n_test to {Math.Max(1, Math.Min(all.Count / 5, most))}, say"))));
            return null;
        }

        if (!_standardize)
        {
            // What no float can hold is an error here, and not of a later seed.
            _ = all.Features;
            notes.AddRange(all.DescribeRounding());
        }

        NoteSubset(all.Name, all.Count - _testCount, Keys.TrainCount);
        return Share(Split, all.ComputeHash(), all.Origin);

        DataSplit Split(ulong seed)
        {
            DataSplit split = all.Split(_testCount, seed);
            return split with { Train = split.Train.Take(_trainCount, seed) };
        }
    }

    // Training and test set come apart.
    private SeedData? ShareSplit(DataSplit all)
    {
        NoteSubset(all.Train.Name, all.Train.Count, Keys.TrainCount);
        NoteSubset(all.Test.Name, all.Test.Count, Keys.TestCount);
        return Share(
            seed => new DataSplit(all.Train.Take(_trainCount, seed), all.Test.Take(_testCount, seed)),
            ModelOrigin.HashOf(all),
            all.Train.Origin);
    }

    // How many samples each class has in both sets does not depend on the seed, so that the first seed speaks for all.
    private SeedData? Share(Func<ulong, DataSplit> split, string? hash, DataOrigin origin)
    {
        long seed = settings.Get(Keys.Seed);
        DataSplit first = Make(seed);
        settings.Resolve<bool?>(Keys.Standardize, _standardize);
        settings.Resolve(Keys.TrainCount, first.Train.Count);
        settings.Resolve(Keys.TestCount, first.Test.Count);
        settings.Resolve(Keys.Features, first.Train.FeatureCount);
        settings.Resolve(Keys.Classes, first.Train.ClassCount);
        notes.AddRange(origin.Remarks);
        if (_source != DataSource.Synthetic)
        {
            new SettingRules(settings, errors).CheckBatches(first.Train.Count);
        }

        CheckClasses(first);
        return errors.Count > 0 ? null : new SeedData(Make, DataSummary.Of(Keys.DataSources.NameOf(_source), first, hash, origin), seed, first);

        DataSplit Make(long seed)
        {
            DataSplit drawn = split(RunSeeds.From(seed).Data);
            return _standardize ? drawn.Standardize() : drawn;
        }
    }

    private void CheckClasses(DataSplit split)
    {
        if (split.Train.Count < split.Train.ClassCount)
        {
            errors.Add(new Diagnostic(settings.PlaceOf(Keys.TrainCount), FormattableString.Invariant(
                $"{split.Train.Count} training samples cannot hold the {split.Train.ClassCount} classes of {split.Train.Name}; raise n_train")));
        }
        else
        {
            notes.AddRange(split.DescribeAbsentClasses());
        }
    }

    private void NoteSubset(string name, int available, Key<long> key)
    {
        long wanted = settings.Get(key);
        if (wanted != available)
        {
            notes.Add(FormattableString.Invariant(wanted > available
                ? (FormattableString)$"data.{key.Name} is {wanted}, but {name} has {available} samples for it: all {available} are used"
                : $"data.{key.Name} is {wanted}: a random subset of the {available} samples of {name} is used"));
        }
    }

    /// <summary>Draws the synthetic data of the settings' seed.</summary>
    public static DataSplit Draw(Settings settings) => Draw(settings, RunSeeds.From(settings.Get(Keys.Seed)).Data);

    private static DataSplit Draw(Settings settings, ulong seed) => SyntheticClassification.Generate(new SyntheticOptions
    {
        TrainCount = settings.GetInt(Keys.TrainCount),
        TestCount = settings.GetInt(Keys.TestCount),
        Features = settings.GetInt(Keys.Features),
        Classes = settings.GetInt(Keys.Classes),
        Separation = settings.Get(Keys.Separation),
        ScaleSpread = settings.Get(Keys.ScaleSpread),
        OffsetSpread = settings.Get(Keys.OffsetSpread),
        Seed = seed,
    });

    public static CsvOptions ToCsvOptions(Settings settings) => new()
    {
        LabelColumn = settings.Get(Keys.LabelColumn),
        Header = settings.Get(Keys.Header),
        Delimiter = settings.Get(Keys.Delimiter),
        DecimalMark = settings.Get(Keys.DecimalMark),
        SkipLines = settings.GetInt(Keys.SkipLines),
    };
}
