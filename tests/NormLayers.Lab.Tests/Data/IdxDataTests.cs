using NormLayers.Lab.Data;

namespace NormLayers.Lab.Tests.Data;

public class IdxDataTests
{
    private const string TrainImages = "train-images-idx3-ubyte";
    private const string TrainLabels = "train-labels-idx1-ubyte";
    private const string TestImages = "t10k-images-idx3-ubyte";
    private const string TestLabels = "t10k-labels-idx1-ubyte";

    private static readonly byte[] Images = [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3, 0, 51, 255, 1, 2, 3];
    private static readonly byte[] Labels = [0, 0, 8, 1, 0, 0, 0, 2, 9, 0];

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ReadFolder_FourFiles_GivesPixelsFromZeroToOne(bool packed)
    {
        using TemporaryFolder folder = new();
        WriteAll(folder, packed);

        DataSplit split = IdxData.ReadFolder(folder.Path + Path.DirectorySeparatorChar);

        Assert.Equal([0, 51 / 255f, 1, 1 / 255f, 2 / 255f, 3 / 255f], split.Train.Features);
        Assert.Equal([1, 0], split.Train.Labels);
        Assert.Equal(["0", "9"], split.Test.ClassNames);
        Assert.Equal((2, 3, 2), (split.Test.Count, split.Test.FeatureCount, split.Test.ClassCount));
        Assert.Equal(Path.GetFileName(folder.Path), split.Train.Name);
    }

    [Fact]
    public void ReadFolder_PlainBesideGzip_TakesThePlainOne()
    {
        using TemporaryFolder folder = new();
        WriteAll(folder, packed: false);
        folder.Write(TrainImages + ".gz", [1, 2, 3]);

        Assert.Equal(2, IdxData.ReadFolder(folder.Path).Train.Count);
    }

    [Fact]
    public void ReadFolder_NoFolder_NamesTheFourFiles()
    {
        using TemporaryFolder folder = new();
        string path = Path.Combine(folder.Path, "none");

        DataFormatException e = Assert.Throws<DataFormatException>(() => IdxData.ReadFolder(path));

        Assert.Equal(path, e.Path);
        Assert.All([TrainImages, TrainLabels, TestImages, TestLabels, "no such folder"], name => Assert.Contains(name, e.Message, StringComparison.Ordinal));
    }

    [Fact]
    public void ReadFolder_MissingFiles_NamesThem()
    {
        using TemporaryFolder folder = new();
        folder.Write(TrainImages, Images);
        folder.Write(TestLabels, Labels);

        DataFormatException e = Assert.Throws<DataFormatException>(() => IdxData.ReadFolder(folder.Path));

        Assert.EndsWith($"got no {TrainLabels} and no {TestImages}.", e.Message, StringComparison.Ordinal);
    }

    public static TheoryData<string, byte[], int?, string> BadFiles => new()
    {
        { TrainImages, [0], 1, "expected 16 bytes, got the end" },
        { TrainImages, Images[..15], 15, "expected 16 bytes, got the end" },
        { TrainImages, Images[..^1], 21, "expected 22 bytes, got the end" },
        { TrainImages, [.. Images, 0], 22, "expected 22 bytes by the header, got more" },
        { TrainImages, [.. Labels, .. Labels], 0, "expected the magic number 0x00000803 (IDX, unsigned bytes, 3 dimensions), got 0x00000801" },
        { TestLabels, Images, 0, "expected the magic number 0x00000801" },
        { TestLabels, Labels[..9], 9, "expected 10 bytes, got the end" },
        { TestLabels, [0, 0, 8, 1, 0, 0, 0, 1, 9], null, "expected 2 labels for the images in" },
        { TestLabels, [0, 0, 8, 1, 0, 0, 0, 0], 4, "expected a dimension from 1 to 2147483591, got 0" },
        { TrainImages, [0, 0, 8, 3, 0x7F, 0xFF, 0xFF, 0xC7, 0, 0, 0, 1, 0, 0, 0, 1, 5], 17, "expected 2147483607 bytes, got the end" },
        { TrainImages, [0, 0, 8, 3, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 1, 0, 0, 0, 1, 5], 4, "got 4294967295" },
        { TrainImages, [0, 0, 8, 3, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 5], 8, "expected a dimension from 1 to 32767, got 65536" },
        { TestImages, [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 5, 6], null, "expected images of 3 pixels as in training, got 1" },
    };

    [Theory]
    [MemberData(nameof(BadFiles), DisableDiscoveryEnumeration = true)]
    public void ReadFolder_BadFile_NamesFileByteExpectedAndActual(string name, byte[] content, int? offset, string message)
    {
        foreach (bool packed in new[] { false, true })
        {
            using TemporaryFolder folder = new();
            WriteAll(folder, packed);
            string path = folder.Write(packed ? name + ".gz" : name, packed ? TemporaryFolder.Gzip(content) : content);

            DataFormatException e = Assert.Throws<DataFormatException>(() => IdxData.ReadFolder(folder.Path));

            Assert.Equal((path, offset), (e.Path, e.ByteOffset));
            Assert.Contains(message, e.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void ReadFolder_BrokenGzip_SaysSo()
    {
        using TemporaryFolder folder = new();
        WriteAll(folder, packed: true);
        string path = folder.Write(TestImages + ".gz", TemporaryFolder.Gzip(Images)[..^12]);

        DataFormatException e = Assert.Throws<DataFormatException>(() => IdxData.ReadFolder(folder.Path));

        Assert.Equal(path, e.Path);
        Assert.Contains("gzip", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ReadFolder_HeaderPromisesGigabytes_ReservesOnlyWhatArrives()
    {
        byte[] header = [0, 0, 8, 3, 0x7F, 0xFF, 0xFF, 0xC7, 0, 0, 0, 1, 0, 0, 0, 1];
        using MemoryStream stream = new(header);
        long before = GC.GetAllocatedBytesForCurrentThread();

        Assert.Throws<DataFormatException>(() => IdxFile.Read(stream, "images", rank: 3));

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    [Theory]
    [InlineData("train-images.idx3-ubyte", "train-labels.idx1-ubyte", "t10k-images.idx3-ubyte", "t10k-labels.idx1-ubyte")]
    [InlineData("train-images.idx3-ubyte.gz", "train-labels-idx1-ubyte", "t10k-images.idx3-ubyte", "t10k-labels-idx1-ubyte.gz")]
    [InlineData("emnist-letters-train-images-idx3-ubyte", "emnist-letters-train-labels-idx1-ubyte", "emnist-letters-test-images-idx3-ubyte", "emnist-letters-test-labels-idx1-ubyte")]
    [InlineData("emnist-letters-train-images-idx3-ubyte.gz", "emnist-letters-train-labels-idx1-ubyte.gz", "emnist-letters-test-images-idx3-ubyte.gz", "emnist-letters-test-labels-idx1-ubyte.gz")]
    [InlineData("test-images-idx3-ubyte", "test-labels.idx1-ubyte", "train-images-idx3-ubyte", "train-labels-idx1-ubyte")]
    [InlineData("Train-Images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "T10K-labels-idx1-ubyte")]
    public void ReadFolder_NamesOfTheField_AreKnown(params string[] names)
    {
        using TemporaryFolder folder = new();
        foreach (string name in names)
        {
            byte[] content = name.Contains("idx3", StringComparison.Ordinal) ? Images : Labels;
            folder.Write(name, name.EndsWith(".gz", StringComparison.Ordinal) ? TemporaryFolder.Gzip(content) : content);
        }

        Assert.Equal([1, 0], IdxData.ReadFolder(folder.Path).Test.Labels);
    }

    [Fact]
    public void ReadFolder_TwoSetsInOneFolder_AreNotGuessedAbout()
    {
        using TemporaryFolder folder = new();
        folder.Write("emnist-letters-train-images-idx3-ubyte", Images);
        folder.Write("emnist-digits-train-images-idx3-ubyte", Images);

        DataFormatException e = Assert.Throws<DataFormatException>(() => IdxData.ReadFolder(folder.Path));

        Assert.Contains("got those of 'emnist-digits-', 'emnist-letters-'", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ReadFolder_LabelsFrom1To26_AreTwentySixClasses()
    {
        using TemporaryFolder folder = new();
        byte[] letters = [.. Enumerable.Range(0, 52).Select(i => (byte)(i % 26 + 1))];
        foreach (string set in (string[])["train", "test"])
        {
            folder.Write($"emnist-letters-{set}-images-idx3-ubyte", [0, 0, 8, 3, 0, 0, 0, 52, 0, 0, 0, 1, 0, 0, 0, 1, .. letters]);
            folder.Write($"emnist-letters-{set}-labels-idx1-ubyte", [0, 0, 8, 1, 0, 0, 0, 52, .. letters]);
        }

        Dataset train = IdxData.ReadFolder(folder.Path).Train;

        Assert.Equal((26, "1", "26"), (train.ClassCount, train.ClassNames[0], train.ClassNames[25]));
        Assert.Equal([.. letters.Select(l => l - 1)], train.Labels);
        Assert.Contains("52 training and 52 test images of 1 pixels; 26 classes in both together: '1' (4)", train.Origin.Remarks[0], StringComparison.Ordinal);
    }

    [Fact]
    public void ReadFolder_LabelBeyondTheDigitsUnderTheirNames_IsRemarked()
    {
        using TemporaryFolder folder = new();
        byte[] digits = [.. Enumerable.Range(0, 40).Select(i => (byte)(i % 10))];
        byte[] damaged = [.. digits];
        (damaged[7], damaged[9]) = (37, 200);
        folder.Write(TrainImages, [0, 0, 8, 3, 0, 0, 0, 40, 0, 0, 0, 1, 0, 0, 0, 1, .. digits]);
        folder.Write(TestImages, [0, 0, 8, 3, 0, 0, 0, 40, 0, 0, 0, 1, 0, 0, 0, 1, .. digits]);
        folder.Write(TestLabels, [0, 0, 8, 1, 0, 0, 0, 40, .. digits]);
        folder.Write(TrainLabels, [0, 0, 8, 1, 0, 0, 0, 40, .. digits]);
        Assert.Single(IdxData.ReadFolder(folder.Path).Train.Origin.Remarks);

        folder.Write(TrainLabels, [0, 0, 8, 1, 0, 0, 0, 40, .. damaged]);
        Dataset train = IdxData.ReadFolder(folder.Path).Train;

        Assert.Equal(12, train.ClassCount);
        Assert.Equal(
            $"{TrainLabels}: 2 of 40 labels are above 9, the largest under this name in MNIST, the first 37 at image 7 (counted from 0); each such label is a class",
            train.Origin.Remarks[^1]);
    }

    [Fact]
    public void ReadFolder_OneClassOrOneASample_IsRefused()
    {
        using TemporaryFolder folder = new();
        WriteAll(folder, packed: false);
        folder.Write(TrainLabels, [.. Labels[..8], 4, 4]);
        folder.Write(TestLabels, [.. Labels[..8], 4, 4]);
        Assert.Contains("expected two classes or more, got only 4", Assert.Throws<DataFormatException>(() => IdxData.ReadFolder(folder.Path)).Message, StringComparison.Ordinal);

        byte[] each = [.. Enumerable.Range(0, 10).Select(i => (byte)i)];
        folder.Write(TrainImages, [0, 0, 8, 3, 0, 0, 0, 10, 0, 0, 0, 1, 0, 0, 0, 3, .. new byte[30]]);
        folder.Write(TrainLabels, [0, 0, 8, 1, 0, 0, 0, 10, .. each]);
        Assert.Contains("10 classes in 12 samples: it looks like no label column", Assert.Throws<DataFormatException>(() => IdxData.ReadFolder(folder.Path)).Message, StringComparison.Ordinal);
    }

    private static void WriteAll(TemporaryFolder folder, bool packed)
    {
        foreach ((string name, byte[] content) in new[] { (TrainImages, Images), (TrainLabels, Labels), (TestImages, Images), (TestLabels, Labels) })
        {
            folder.Write(packed ? name + ".gz" : name, packed ? TemporaryFolder.Gzip(content) : content);
        }
    }
}
