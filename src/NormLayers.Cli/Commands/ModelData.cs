using NormLayers.Cli.Configuration;
using NormLayers.Lab.Data;
using NormLayers.Lab.Trials;

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
    public List<string> Notes { get; } = [];

    /// <summary>Reads the samples.</summary>
    /// <exception cref="DataFormatException">They cannot be read, or do not fit the model.</exception>
    public SampleSet Load() => settings.Get(Keys.Source) switch
    {
        DataSource.Synthetic => OfSplit(SyntheticClassification.Generate(TrainingData.ToOptions(settings, RunSeeds.From(settings.Get(Keys.Seed)).Data)), isDrawn: true),
        DataSource.Digits => OfOne(SampleSet.Of(Digits.Load(), _format)),
        DataSource.Csv => OfOne(CsvData.ReadSamples(settings.Get(Keys.DataPath)!, _format, TrainingData.ToCsvOptions(settings))),
        _ => OfSplit(IdxData.ReadFolder(settings.Get(Keys.DataPath)!), isDrawn: false),
    };

    // Training and test set come apart.
    private SampleSet OfSplit(DataSplit split, bool isDrawn)
    {
        Part = part ?? DataPart.Test;
        if (isDrawn && model.Origin?.Hash != ModelOrigin.HashOf(split))
        {
            Notes.Add("these are not the data that the model was trained on: other settings draw other classes");
        }

        if (part is null)
        {
            Notes.Add($"the test set of {split.Test.Name} is used; --part says which");
        }

        Notes.AddRange(split.Test.Origin.Remarks);
        return SampleSet.Of(Part switch { DataPart.Train => split.Train, DataPart.Test => split.Test, _ => split.Train.Concat(split.Test) }, _format);
    }

    // Training and test set are parts of one set, where it is the one that the model was trained on.
    private SampleSet OfOne(SampleSet all)
    {
        Notes.AddRange(all.Origin.Remarks);
        bool isKnown = all.Labels is not null && model.Origin is { } origin && origin.Hash == all.ComputeHash() && origin.TestCount > 0 && origin.TestCount < all.Count;
        if (part is not null and not DataPart.All && !isKnown)
        {
            throw new DataFormatException(all.Name, "expected the data that the model was trained on, to tell its training samples from its test samples, got others.");
        }

        if (!isKnown)
        {
            return all;
        }

        Part = part ?? (heldOut ? DataPart.Test : DataPart.All);
        if (part is null)
        {
            Notes.Add(Part == DataPart.Test
                ? FormattableString.Invariant($"the model was trained on {all.Name}: only the {model.Origin!.TestCount} samples held out then are used; --part says which")
                : FormattableString.Invariant($"the model was trained on samples of {all.Name}; --part test takes only the {model.Origin!.TestCount} held out then"));
        }

        return Part == DataPart.All ? all : all.Part(model.Origin!.TestCount, RunSeeds.From(model.Origin.Seed).Data, Part == DataPart.Test);
    }
}
