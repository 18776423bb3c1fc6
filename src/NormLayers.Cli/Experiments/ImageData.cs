using NormLayers.Data;

namespace NormLayers.Cli.Experiments;

/// <summary>Images of ten classes for the experiments that train on some.</summary>
/// <param name="Split">Pixels from 0 to 1, with their classes.</param>
/// <param name="Source">Where they come from, in words.</param>
/// <param name="Shipped">Whether they are the small digits that come with the tool, and not what the papers used.</param>
internal sealed record ImageData(DataSplit Split, string Source, bool Shipped)
{
    /// <summary>The value of <c>--data</c> that asks for the shipped digits.</summary>
    public const string ShippedName = "digits";

    /// <summary>What to do for the papers' data.</summary>
    public const string Advice =
        "To run it on MNIST, put its four IDX files (train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte; plain or .gz) " +
        "in a folder and give --data FOLDER; 'apt-get install dataset-fashion-mnist' brings Fashion-MNIST, which is then found by itself.";

    private const int ShippedTestCount = 397;

    private static readonly string[] _systemFolders = ["/usr/share/datasets/mnist", "/usr/share/datasets/fashion-mnist"];

    /// <summary>Reads a folder of IDX files, or what the system has, or the shipped digits.</summary>
    /// <param name="name">A folder, or <see cref="ShippedName"/>; null takes the system's images, and without them the shipped ones.</param>
    /// <param name="seed">Chooses which of the shipped digits are held out for the test.</param>
    /// <exception cref="DataFormatException">The folder has no such files, or damaged ones.</exception>
    public static ImageData Load(string? name, ulong seed)
    {
        string? folder = name == ShippedName ? null : name ?? _systemFolders.FirstOrDefault(Directory.Exists);
        return folder is null
            ? new ImageData(Digits.Load().Split(ShippedTestCount, seed), "the shipped digits of 8x8 pixels (1400 to train on, 397 to test on)", true)
            : new ImageData(IdxData.ReadFolder(folder), folder, false);
    }

    /// <summary>The same images in black and white: pixels above one half become 1, others 0.</summary>
    public DataSplit Binarize() => new(Binarize(Split.Train), Binarize(Split.Test));

    private static Dataset Binarize(Dataset data) => new(
        data.Name, Array.ConvertAll(data.Features, v => v > 0.5f ? 1f : 0f), data.Labels, data.FeatureCount, data.ClassCount);
}
