using NormLayers.Lab.Data;
using NormLayers.Lab.Experiments;

namespace NormLayers.Lab.Tests.Experiments;

public sealed class ImageDataTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("normlayers-tests-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void NearestMean_OnTheShippedDigits_IsFarAboveGuessing()
    {
        Assert.Equal(0.9, NearestMean.BalancedAccuracy(ImageData.Load(ImageData.ShippedName, 1).Split), 0.03);
        Assert.InRange(NearestMean.BalancedAccuracy(ImageData.Load(ImageData.ShippedName, 1).Binarize()), 0.8, 0.95);
    }

    [Fact]
    public void Load_ImagesThatTellTheirClasses_AreTaken()
    {
        WriteImages((i, pixel) => (byte)(pixel == i % 3 ? 200 : 10), i => i % 3);

        ImageData images = ImageData.Load(_folder, 1);

        images.RequireLearnable();
        Assert.Equal(3, images.Split.Train.ClassCount);
        Assert.Equal(1, NearestMean.BalancedAccuracy(images.Binarize()));
        Assert.Contains("3 classes in both together: '0' (80), '1' (80), '2' (80)", images.Notes.First(), StringComparison.Ordinal);
    }

    public static TheoryData<string, Func<int, int, byte>, Func<int, int>> Degenerate => new()
    {
        { "constant images", (_, _) => 77, i => i % 3 },
        { "black images", (_, _) => 0, i => i % 3 },
        { "one pixel of one image differs", (i, pixel) => (byte)(i == 5 && pixel == 1 ? 255 : 0), i => i % 3 },
        { "noise", (i, pixel) => Hash(i, pixel), i => i % 3 },
        { "labels at random", (i, pixel) => (byte)(pixel == i % 3 ? 200 : 10), i => Hash(i, 99) % 3 },
        { "labels at random, most of one class", (i, pixel) => (byte)(pixel == i % 3 ? 200 : 10), i => Hash(i, 99) < 20 ? 1 : 0 },
    };

    [Theory]
    [MemberData(nameof(Degenerate), DisableDiscoveryEnumeration = true)]
    public void RequireLearnable_ImagesThatTellNothing_AreRefused(string what, Func<int, int, byte> pixels, Func<int, int> labels)
    {
        WriteImages(pixels, labels);

        DataFormatException e = Assert.Throws<DataFormatException>(() => ImageData.Load(_folder, 1).RequireLearnable());
        Assert.True(e.Message.Contains("an experiment shows nothing on them", StringComparison.Ordinal), $"{what}: {e.Message}");
    }

    [Fact]
    public void Binarize_ImagesAllDark_IsRefused()
    {
        WriteImages((i, pixel) => (byte)(pixel == i % 3 ? 100 : 10), i => i % 3);

        Assert.Throws<DataFormatException>(() => ImageData.Load(_folder, 1).Binarize());
    }

    private static byte Hash(int a, int b) => (byte)((uint)((a + 1) * 2654435761 ^ (b + 1) * 40503L * 2246822519) * 2654435761 >> 24);

    private void WriteImages(Func<int, int, byte> pixels, Func<int, int> labels)
    {
        foreach (string part in (string[])["train", "t10k"])
        {
            int first = part == "train" ? 0 : 120;
            IEnumerable<int> samples = Enumerable.Range(first, 120);
            File.WriteAllBytes(
                Path.Combine(_folder, part + "-images-idx3-ubyte"),
                [0, 0, 8, 3, 0, 0, 0, 120, 0, 0, 0, 2, 0, 0, 0, 2, .. samples.SelectMany(i => Enumerable.Range(0, 4).Select(p => pixels(i, p)))]);
            File.WriteAllBytes(Path.Combine(_folder, part + "-labels-idx1-ubyte"), [0, 0, 8, 1, 0, 0, 0, 120, .. samples.Select(i => (byte)labels(i))]);
        }
    }
}
