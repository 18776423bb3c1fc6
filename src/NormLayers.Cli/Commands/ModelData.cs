using NormLayers.Cli.Configuration;
using NormLayers.Lab.Data;

namespace NormLayers.Cli.Commands;

/// <summary>Which samples of the data a model is used on.</summary>
internal enum DataPart
{
    All,
    Train,
    Test,
}

/// <summary>Brings the samples that a model is used on.</summary>
/// <param name="settings">What to read.</param>
/// <param name="model">What they are for.</param>
/// <param name="part">Which of them; null decides.</param>
/// <param name="heldOut">Whether what the model was trained on is left out where nothing was said.</param>
internal sealed class ModelData(Settings settings, ModelFile model, DataPart? part, bool heldOut)
{
    private readonly SampleFormat _format = model.Classifier.Format;

    /// <summary>Which samples these are, once they are read.</summary>
    public DataPart Part { get; private set; } = part ?? DataPart.All;

    /// <summary>What the user should know.</summary>
    public List<string> Notes { get; } = [.. model.Notes];

    /// <summary>Reads the samples.</summary>
    /// <exception cref="DataFormatException">They cannot be read, or do not fit the model.</exception>
    public SampleSet Load() => settings.Get(Keys.Source) switch
    {
        DataSource.Synthetic => OfSplit(TrainingData.Draw(settings), ": other settings draw other classes"),
        DataSource.Digits => OfOne(SampleSet.Of(Digits.Load(), _format)),
        DataSource.Csv => OfOne(CsvData.ReadSamples(settings.Get(Keys.DataPath)!, _format, TrainingData.ToCsvOptions(settings))),
        _ => OfSplit(IdxData.ReadFolder(settings.Get(Keys.DataPath)!), ""),
    };

    // Training and test set come apart.
    private SampleSet OfSplit(DataSplit split, string whyOthers)
    {
        Part = part ?? DataPart.Test;
        ModelOrigin? origin = model.Origin is null ? null : FindOrigin(ModelOrigin.HashOf(split), split.Train.Count, split.Test.Count);
        if (model.Origin is not null && origin is null)
        {
            Notes.Add("these are not the data that the model was trained on" + whyOthers);
        }

        Notes.AddRange(split.Test.Origin.Remarks);
        SampleSet whole = SampleSet.Of(Part switch { DataPart.Train => split.Train, DataPart.Test => split.Test, _ => split.Train.Concat(split.Test) }, _format);
        SampleSet samples = origin is null || Part == DataPart.All ? whole
            : whole.Take(Part == DataPart.Train ? origin.TrainCount : origin.TestCount, origin.DataSeed);
        if (part is null)
        {
            Notes.Add(samples.Count == whole.Count ? $"the test set of {whole.Name} is used; --part says which"
                : heldOut ? FormattableString.Invariant($"only the {samples.Count} test samples of the training are used, of {whole.Count} in {whole.Name}; --part says which")
                : FormattableString.Invariant($"the test set of {whole.Name} is used; --part test takes only the {samples.Count} test samples of the training"));
        }

        return part is null && !heldOut ? whole : samples;
    }

    // Training and test set are parts of one set, where it is the one that the model was trained on.
    private SampleSet OfOne(SampleSet all)
    {
        Notes.AddRange(all.Origin.Remarks);
        ModelOrigin? origin = all.Labels is null || model.Origin is not { TestCount: var held } ? null : FindOrigin(all.ComputeHash(), all.Count - held, all.Count - 1);
        string source = Keys.DataSources.NameOf(settings.Get(Keys.Source));
        if (model.Origin is { Source: var trained } && trained != source)
        {
            Notes.Add($"the model was trained on {trained}, and these are data of {source}: the features must be scaled as in training");
        }

        if (origin is null)
        {
            return part is null or DataPart.All
                ? all
                : throw new DataFormatException(all.Name, "expected the data that the model was trained on, to tell its training samples from its test samples, got others.");
        }

        Part = part ?? (heldOut ? DataPart.Test : DataPart.All);
        if (part is null)
        {
            Notes.Add(Part == DataPart.Test
                ? FormattableString.Invariant($"the model was trained on {all.Name}: only the {origin.TestCount} samples held out then are used; --part says which")
                : FormattableString.Invariant($"the model was trained on samples of {all.Name}; --part test takes only the {origin.TestCount} held out then"));
        }

        return Part switch
        {
            DataPart.Train => all.Part(origin.TestCount, origin.DataSeed, test: false).Take(origin.TrainCount, origin.DataSeed),
            DataPart.Test => all.Part(origin.TestCount, origin.DataSeed, test: true),
            _ => all,
        };
    }

    // What the model was trained on, if it was these data. A damaged file may hold any counts.
    private ModelOrigin? FindOrigin(string hash, int train, int test) =>
        model.Origin is { } origin && origin.Hash == hash && origin.TrainCount >= 1 && origin.TrainCount <= train && origin.TestCount >= 1 && origin.TestCount <= test ? origin : null;
}
