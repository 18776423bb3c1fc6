using System.Text;
using NormLayers.Lab.Data;
using NormLayers.Numerics;

namespace NormLayers.Lab.Tests.Data;

/// <summary>Mutated files: each is either read into a valid data set or refused with a <see cref="DataFormatException"/>.</summary>
[Trait("Width", "any")]
public class DataFuzzTests
{
    private const int Rounds = 20_000;

    private static readonly byte[] Csv = Encoding.UTF8.GetBytes("a,\"b\"\"\",kind\r\n1.5,-2e3,dog\n3,4,\"c\nat\"\n\n5,6,dog\n");
    private static readonly byte[] Images = [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3, 0, 51, 255, 1, 2, 3];
    private static readonly byte[] AllLabels = [.. Enumerable.Range(0, 256).Select(i => (byte)i)];
    private static readonly byte[] Labels = [0, 0, 8, 1, 0, 0, 0, 2, 9, 0];

    [Fact]
    public void ReadCsv_MutatedBytes_ReadsOrRefuses() => Fuzz(1, Csv, "data.csv", ReadCsv);

    [Fact]
    public void ReadCsv_MutatedGzip_ReadsOrRefuses() => Fuzz(2, TemporaryFolder.Gzip(Csv), "data.csv.gz", ReadCsv);

    [Fact]
    public void ReadIdx_MutatedImages_ReadsOrRefuses() => Fuzz(3, Images, "images", ReadImages);

    [Fact]
    public void ReadIdx_MutatedGzip_ReadsOrRefuses() => Fuzz(4, TemporaryFolder.Gzip(Images), "images.gz", ReadImages);

    [Fact]
    public void ReadIdx_MutatedLabels_ReadsOrRefuses() => Fuzz(5, Labels, "labels", (stream, path) =>
        IdxData.ToDataset("fuzz", new IdxFile("images", 2, new byte[6], 16), IdxFile.Read(stream, path, rank: 1), AllLabels));

    [Fact]
    public void ReadCsv_MutatedFirstRow_ReadsOrRefuses() => Fuzz(6, Encoding.UTF8.GetBytes("0,1,target\n1.5,2,a\n3,4,b\n5,6,a\n7,?,b\n"), "data.csv", ReadCsv);

    [Fact]
    public void ReadCsv_MutatedGzipOfTwoMembers_ReadsOrRefuses() =>
        Fuzz(7, [.. TemporaryFolder.Gzip(Csv), .. TemporaryFolder.Gzip(Encoding.UTF8.GetBytes("7,8,dog\n"))], "data.csv.gz", ReadCsv);

    private static Dataset ReadCsv(Stream stream, string path) => CsvData.Read(stream, path, new CsvOptions());

    private static Dataset ReadImages(Stream stream, string path)
    {
        IdxFile images = IdxFile.Read(stream, path, rank: 3);
        return IdxData.ToDataset("fuzz", images, new IdxFile("labels", images.Count, new byte[images.Count], 8), [0]);
    }

    private static void Fuzz(ulong seed, byte[] valid, string path, Func<Stream, string, Dataset> parse)
    {
        RandomSource random = new(seed);
        (int read, int refused) = (0, 0);
        for (int round = 0; round < Rounds; round++)
        {
            byte[] bytes = Mutate(valid, random);
            using MemoryStream stream = new(bytes);
            try
            {
                Dataset data = DataFile.Read(stream, path, s => parse(s, path));
                Assert.All(data.Features, x => Assert.True(float.IsFinite(x)));
                read++;
            }
            catch (DataFormatException e)
            {
                Assert.Contains(path, e.Message, StringComparison.Ordinal);
                refused++;
            }
            catch (Exception e) when (e is not Xunit.Sdk.IAssertionException)
            {
                throw new InvalidOperationException($"Round {round} of seed {seed}: {Convert.ToHexString(bytes)}", e);
            }
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"{read} read, {refused} refused");
        Assert.True(Math.Min(read, refused) > Rounds / 100, $"{read} read, {refused} refused: the mutations reach one outcome only");
    }

    private static byte[] Mutate(byte[] valid, RandomSource random)
    {
        byte[] interesting = [0, 1, 8, 9, 10, 13, 34, 44, 45, 46, 101, 127, 128, 239, 255];
        List<byte> bytes = [.. valid];
        for (int edits = 1 + random.NextInt(3); edits > 0 && bytes.Count > 0; edits--)
        {
            int at = random.NextInt(bytes.Count);
            switch (random.NextInt(6))
            {
                case 0:
                    bytes[at] ^= (byte)(1 << random.NextInt(8));
                    break;
                case 1:
                    bytes[at] = interesting[random.NextInt(interesting.Length)];
                    break;
                case 2:
                    bytes.Insert(at, interesting[random.NextInt(interesting.Length)]);
                    break;
                case 3:
                    bytes.RemoveAt(at);
                    break;
                case 4:
                    bytes.RemoveRange(at, bytes.Count - at);
                    break;
                default:
                    bytes.AddRange(bytes[at..]);
                    break;
            }
        }

        return [.. bytes];
    }
}
