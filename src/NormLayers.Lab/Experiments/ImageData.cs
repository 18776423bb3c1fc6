using NormLayers.Lab.Data;

namespace NormLayers.Lab.Experiments;

/// <summary>Images with their classes for the experiments that train on some.</summary>
/// <param name="Split">Pixels from 0 to 1, with their classes.</param>
/// <param name="Source">Where they come from, in words.</param>
/// <param name="Shipped">Whether they are the small digits that come with the tool, and not what the papers used.</param>
public sealed record ImageData(DataSplit Split, string Source, bool Shipped)
{
    /// <summary>The value of <c>--data</c> that selects the shipped digits.</summary>
    public const string ShippedName = "digits";

    /// <summary>What to do for the papers' data.</summary>
    public const string Advice =
        "To run it on MNIST, put its four IDX files (train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte; plain or .gz) " +
        "in a folder and give --data FOLDER; 'apt-get install dataset-fashion-mnist' brings Fashion-MNIST, which is then found by itself.";

    // Above guessing. ImageDataTests has what the shipped digits come to.
    private const double LeastGain = 0.2;

    private const int ShippedTestCount = 397;

    private static readonly string[] _systemFolders = ["/usr/share/datasets/mnist", "/usr/share/datasets/fashion-mnist"];

    /// <summary>What was found in a folder, in sentences.</summary>
    public IEnumerable<string> Notes => [.. Split.Train.Origin.Remarks, .. Split.DescribeAbsentClasses()];

    /// <summary>Reads a folder of IDX files, or what the system has, or the shipped digits.</summary>
    /// <param name="name">A folder, or <see cref="ShippedName"/>; null takes the system's images, and without them the shipped ones.</param>
    /// <param name="seed">Chooses which of the shipped digits are held out for the test.</param>
    /// <exception cref="DataFormatException">The folder has no such files, or damaged ones.</exception>
    public static ImageData Load(string? name, ulong seed)
    {
        string? folder = FindFolder(name);
        return folder is null
            ? new ImageData(Digits.Load().Split(ShippedTestCount, seed), "the shipped digits of 8x8 pixels (1400 to train on, 397 to test on)", true)
            : new ImageData(IdxData.ReadFolder(folder), folder, false);
    }

    /// <summary>The folder that is read; null for the shipped digits.</summary>
    /// <param name="name">As <see cref="Load"/> takes it.</param>
    public static string? FindFolder(string? name) => name == ShippedName ? null : name ?? _systemFolders.FirstOrDefault(Directory.Exists);

    /// <summary>Checks that the images tell their classes. Where nothing can be learnt, every network guesses, and claims that compare networks would hold for nothing.</summary>
    /// <exception cref="DataFormatException">They do not.</exception>
    public void RequireLearnable() => Require(Split, Source, "images");

    /// <summary>The same images in black and white: pixels above one half become 1, others 0.</summary>
    /// <exception cref="DataFormatException">They do not tell their classes any more.</exception>
    public DataSplit Binarize()
    {
        DataSplit split = new(Binarize(Split.Train), Binarize(Split.Test));
        Require(split, Source, "images in black and white (above and below one half)");
        return split;
    }

    private static void Require(DataSplit split, string source, string what)
    {
        int classes = split.Test.CountClasses().Count(c => c > 0);
        double accuracy = NearestMean.BalancedAccuracy(split);
        if (classes < 2 || accuracy < LeastGain + 1.0 / classes)
        {
            throw new DataFormatException(source, FormattableString.Invariant(
                $"expected {what} that tell their classes, got a test set of {classes} of which the nearest class mean is right on {100 * accuracy:0.0} %; an experiment shows nothing on them."));
        }
    }

    private static Dataset Binarize(Dataset data) =>
        new(data.Name, Array.ConvertAll(data.Features, v => v > 0.5f ? 1f : 0f), data.Labels, data.FeatureCount, data.ClassCount)
        {
            ClassNames = data.ClassNames,
            Origin = data.Origin,
        };
}
