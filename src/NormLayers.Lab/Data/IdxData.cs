using System.Globalization;

namespace NormLayers.Lab.Data;

/// <summary>Reads image data sets in the IDX format: MNIST, Fashion-MNIST and their likes.</summary>
public static class IdxData
{
    private const string Names =
        "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte (plain or .gz)";

    private const int LargestDigit = 9;

    private static readonly Part _trainImages = new(["train"], "images", 3);
    private static readonly Part _trainLabels = new(["train"], "labels", 1);
    private static readonly Part _testImages = new(["t10k", "test"], "images", 3);
    private static readonly Part _testLabels = new(["t10k", "test"], "labels", 1);

    /// <summary>Reads the four files of a folder.</summary>
    /// <param name="folder">
    /// Holds <c>train-images-idx3-ubyte</c>, <c>train-labels-idx1-ubyte</c>, <c>t10k-images-idx3-ubyte</c> and
    /// <c>t10k-labels-idx1-ubyte</c>, each plain or with <c>.gz</c> behind its name; plain goes first. The dot of
    /// <c>images.idx3-ubyte</c> is accepted, and so are EMNIST's names: <c>test</c> for <c>t10k</c>, and one and the same
    /// beginning of all four, as in <c>emnist-letters-train-images-idx3-ubyte</c>.
    /// </param>
    /// <returns>
    /// Images of shape (N, rows · columns), each pixel from 0 (black) to 1; the classes are the labels that occur, in their
    /// order and named by their numbers. The sets are named after the folder.
    /// </returns>
    /// <exception cref="DataFormatException">
    /// A file is missing, twice there, unreadable, not IDX, shorter or longer than its header says, or does not go with the others;
    /// or there are fewer than two classes.
    /// </exception>
    public static DataSplit ReadFolder(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        if (FileProblem.Finding(folder, folder: true) is { } problem)
        {
            throw problem == FileProblem.Missing
                ? new DataFormatException(folder, $"expected {Names}, got no such folder.")
                : new DataFormatException(problem, folder, failure: null);
        }

        Part[] parts = [_trainImages, _trainLabels, _testImages, _testLabels];
        string[] files;
        try
        {
            files = [.. Directory.EnumerateFiles(folder).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DataFormatException(FileProblem.Reading(e, path: ""), folder, e);
        }

        string prefix = FindPrefix(folder, files);
        Dictionary<Part, string?> found = parts.ToDictionary(p => p, p => p.Find(files, prefix));
        string[] missing = [.. parts.Where(p => found[p] is null).Select(p => prefix + p.Name)];
        if (missing.Length > 0)
        {
            throw new DataFormatException(folder, $"expected {Names}, got no {string.Join(" and no ", missing)}.");
        }

        string name = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)));
        (IdxFile trainImages, IdxFile trainLabels, IdxFile testImages, IdxFile testLabels) =
            (Read(_trainImages), Read(_trainLabels), Read(_testImages), Read(_testLabels));
        if (PixelsOf(trainImages) != PixelsOf(testImages))
        {
            throw new DataFormatException(
                testImages.Path,
                FormattableString.Invariant($"expected images of {PixelsOf(trainImages)} pixels as in training, got {PixelsOf(testImages)}."));
        }

        byte[] classes = [.. trainLabels.Data.Concat(testLabels.Data).Distinct().Order()];
        if (classes.Length < 2)
        {
            throw new DataFormatException(trainLabels.Path, FormattableString.Invariant($"expected two classes or more, got only {classes[0]}."));
        }

        DataSplit split = new(ToDataset(name, trainImages, trainLabels, classes), ToDataset(name, testImages, testLabels, classes));
        LabelColumn labels = new($"the labels in {folder}", split.Train.Count + split.Test.Count, classes.Length, HasFractions: false);
        if (labels.IsNone)
        {
            throw new DataFormatException(trainLabels.Path, labels.Problem + ".");
        }

        string summary = FormattableString.Invariant($"{name}: {split.Train.Count} training and {split.Test.Count} test images of {split.Train.FeatureCount} pixels; ")
            + DataText.DescribeClasses(split.Train.ClassNames, [.. split.Train.Labels, .. split.Test.Labels], "both together");
        List<string> remarks = labels.IsDoubtful ? [summary, labels.Problem] : [summary];
        if (prefix.Length == 0)
        {
            remarks.AddRange(((IdxFile[])[trainLabels, testLabels]).Select(RemarkBeyondDigits).OfType<string>());
        }

        DataOrigin origin = new() { Remarks = remarks };
        return new DataSplit(split.Train.With(origin), split.Test.With(origin));

        IdxFile Read(Part part)
        {
            string path = Path.Combine(folder, found[part]!);
            return DataFile.Read(path, s => IdxFile.Read(s, path, part.Rank));
        }
    }

    // MNIST and the sets named alike have ten classes; a label above 9 is a class of its own, and may be a damaged byte.
    private static string? RemarkBeyondDigits(IdxFile labels)
    {
        int first = Array.FindIndex(labels.Data, label => label > LargestDigit);
        return first < 0 ? null : FormattableString.Invariant(
            $"{Path.GetFileName(labels.Path)}: {labels.Data.Count(label => label > LargestDigit)} of {labels.Count} labels are above {LargestDigit}, the largest under this name in MNIST, the first {labels.Data[first]} at image {first} (counted from 0); each such label is a class");
    }

    private static int PixelsOf(IdxFile images) => images.Data.Length / images.Count;

    // The prefix of the name of the training images in all four names. More than one set in a folder is not guessed about.
    private static string FindPrefix(string folder, string[] files)
    {
        string[] prefixes = [.. files.Select(_trainImages.PrefixOf).OfType<string>().Distinct()];
        if (prefixes.Length > 1 && !prefixes.Contains(""))
        {
            throw new DataFormatException(folder, $"expected one set of files, got those of {string.Join(", ", prefixes.Select(p => DataText.Quote(p)))}; give each a folder.");
        }

        return prefixes.Length == 1 ? prefixes[0] : "";
    }

    internal static Dataset ToDataset(string name, IdxFile images, IdxFile labels, byte[] classes)
    {
        if (labels.Count != images.Count)
        {
            throw new DataFormatException(
                labels.Path,
                FormattableString.Invariant($"expected {images.Count} labels for the images in {images.Path}, got {labels.Count}."));
        }

        int[] classOf = new int[256];
        for (int c = 0; c < classes.Length; c++)
        {
            classOf[classes[c]] = c;
        }

        return new Dataset(
            name,
            Array.ConvertAll(images.Data, pixel => pixel / 255f),
            Array.ConvertAll(labels.Data, label => classOf[label]),
            PixelsOf(images),
            classes.Length)
        {
            ClassNames = Array.ConvertAll(classes, c => c.ToString(CultureInfo.InvariantCulture)),
        };
    }

    /// <summary>One of the four files.</summary>
    private sealed record Part(string[] Sets, string What, int Rank)
    {
        private static readonly string[] _endings = ["", DataFile.GzipExtension];

        public string Name => NameOf(Sets[0], '-');

        /// <summary>The first of its names that is there, plain before gzip.</summary>
        public string? Find(string[] files, string prefix) =>
            AllNames().Select(n => Array.Find(files, f => f.Equals(prefix + n, StringComparison.OrdinalIgnoreCase))).FirstOrDefault(f => f is not null);

        /// <summary>The prefix of a file's name; null if it is another's.</summary>
        public string? PrefixOf(string file) =>
            AllNames().Where(n => file.EndsWith(n, StringComparison.OrdinalIgnoreCase)).Select(n => file[..^n.Length]).FirstOrDefault();

        private IEnumerable<string> AllNames() =>
            from ending in _endings from set in Sets from mark in "-." select NameOf(set, mark) + ending;

        private string NameOf(string set, char mark) => FormattableString.Invariant($"{set}-{What}{mark}idx{Rank}-ubyte");
    }
}
