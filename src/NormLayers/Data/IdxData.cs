namespace NormLayers.Data;

/// <summary>Reads image data sets in the IDX format: MNIST, Fashion-MNIST and their likes.</summary>
public static class IdxData
{
    /// <summary>The number of classes of these sets.</summary>
    public const int Classes = 10;

    private const string TrainImages = "train-images-idx3-ubyte";
    private const string TrainLabels = "train-labels-idx1-ubyte";
    private const string TestImages = "t10k-images-idx3-ubyte";
    private const string TestLabels = "t10k-labels-idx1-ubyte";

    /// <summary>Reads the four files of a folder.</summary>
    /// <param name="folder">
    /// Holds <c>train-images-idx3-ubyte</c>, <c>train-labels-idx1-ubyte</c>, <c>t10k-images-idx3-ubyte</c> and
    /// <c>t10k-labels-idx1-ubyte</c>, each plain or with <c>.gz</c> behind its name; plain goes first.
    /// </param>
    /// <returns>
    /// Images of shape (N, rows · columns), each pixel from 0 (black) to 1, with classes 0 to 9; named after the folder.
    /// </returns>
    /// <exception cref="DataFormatException">
    /// A file is missing, unreadable, not IDX, shorter or longer than its header says, or does not go with the others.
    /// </exception>
    public static DataSplit ReadFolder(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        string[] names = [TrainImages, TrainLabels, TestImages, TestLabels];
        string[] missing = [.. names.Where(name => Find(folder, name) is null)];
        if (missing.Length > 0)
        {
            string found = !Directory.Exists(folder) ? "no such folder" : $"no {string.Join(" and no ", missing)}";
            throw new DataFormatException(folder, $"expected {string.Join(", ", names)} (plain or .gz), got {found}.");
        }

        string name = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)));
        Dataset train = ReadSet(name, Find(folder, TrainImages)!, Find(folder, TrainLabels)!);
        Dataset test = ReadSet(name, Find(folder, TestImages)!, Find(folder, TestLabels)!);
        if (train.FeatureCount != test.FeatureCount)
        {
            throw new DataFormatException(
                Find(folder, TestImages)!,
                FormattableString.Invariant($"expected images of {train.FeatureCount} pixels as in training, got {test.FeatureCount}."));
        }

        return new DataSplit(train, test);
    }

    private static string? Find(string folder, string name)
    {
        string plain = Path.Combine(folder, name);
        return File.Exists(plain) ? plain : File.Exists(plain + DataFile.GzipExtension) ? plain + DataFile.GzipExtension : null;
    }

    private static Dataset ReadSet(string name, string imagesPath, string labelsPath)
    {
        IdxFile images = DataFile.Read(imagesPath, s => IdxFile.Read(s, imagesPath, rank: 3));
        IdxFile labels = DataFile.Read(labelsPath, s => IdxFile.Read(s, labelsPath, rank: 1));
        return ToDataset(name, images, labels);
    }

    internal static Dataset ToDataset(string name, IdxFile images, IdxFile labels)
    {
        if (labels.Count != images.Count)
        {
            throw new DataFormatException(
                labels.Path,
                FormattableString.Invariant($"expected {images.Count} labels for the images in {images.Path}, got {labels.Count}."));
        }

        for (int i = 0; i < labels.Count; i++)
        {
            if (labels.Data[i] >= Classes)
            {
                throw new DataFormatException(
                    labels.Path,
                    FormattableString.Invariant($"expected a label from 0 to {Classes - 1} for sample {i}, got {labels.Data[i]}."),
                    byteOffset: labels.HeaderLength + i);
            }
        }

        return new Dataset(
            name,
            Array.ConvertAll(images.Data, pixel => pixel / 255f),
            Array.ConvertAll(labels.Data, label => (int)label),
            images.Data.Length / images.Count,
            Classes);
    }
}
