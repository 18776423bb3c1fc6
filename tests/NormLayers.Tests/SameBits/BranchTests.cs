using NormLayers.Numerics;

namespace NormLayers.Tests.SameBits;

/// <summary>The bits of every branch that a kernel's dispatch can take: planes around sixteen elements, groups as rows and as planes, non-temporal stores, special sets, ReLU, missing parameters.</summary>
public sealed class BranchTests
{
    private static readonly Shape[] s_lengths =
        [.. from n in (int[])[1, 2, 9] from c in (int[])[1, 2, 15, 16, 17, 31, 32, 33, 63, 64, 65, 255, 256, 257] select (Shape)(n, c)];

    private static readonly Shape[] s_pairs = [(7, 300), (8, 300), (16, 1040), (17, 1024), (5, 4097), (300, 40)];

    private static readonly Shape[] s_special = [(9, 40), (20, 16), (3, 700)];

    [Theory]
    [InlineData("rows, all lengths around the lanes", "57786E27F7FC922A")]
    [InlineData("rows, two at a time and alone", "96106CEFCE003D62")]
    [InlineData("rows, special ones among ordinary ones", "0073ABDE720F2F62")]
    [InlineData("rows, means of 0 to 100 deviations", "8F0528FBEDEA51E7")]
    [InlineData("rows without a mean, all lengths around the lanes", "849EBD094262B24E")]
    [InlineData("rows without a mean, two at a time and alone", "8C3CA511A2927830")]
    [InlineData("rows without a mean, special ones among ordinary ones", "EEC9D0DE5F8FC0E9")]
    [InlineData("channels of one element a sample", "5DACA6ACD112C3EC")]
    [InlineData("planes of 2 to 15 elements", "43706909A87E225A")]
    [InlineData("planes of 16 elements and more", "9DDA6A389AFB5822")]
    [InlineData("channels, special ones among ordinary ones", "C6DEE517F1618E72")]
    [InlineData("channels, far from the first element", "94DE9FA85BB05309")]
    [InlineData("one channel, long planes", "0B08AD1F719E4377")]
    [InlineData("groups of short planes, as rows", "98A6626C02D42DCE")]
    [InlineData("groups of planes of 16 elements and more", "FC94E3B8D9643DAC")]
    [InlineData("groups, special ones among ordinary ones", "D548FD1FD21E307B")]
    [InlineData("groups that threads share", "52143673E3FE472A")]
    public void Branch_FixedData_GivesPinnedBits(string branch, string pinned) => Check(branch, pinned);

    [Theory]
    [Trait("Duration", "long")]
    [InlineData("rows, beyond the cache", "BAF321E980F0DE60")]
    [InlineData("rows without a mean, beyond the cache", "62DCD363757D8FB3")]
    [InlineData("channels, beyond the cache", "286FE499A0975DA2")]
    [InlineData("planes, beyond the cache", "525142E89544C2BF")]
    public void Branch_LargeTensor_GivesPinnedBits(string branch, string pinned) => Check(branch, pinned);

    private static void Check(string branch, string pinned)
    {
        using BitHash hash = new();
        switch (branch)
        {
            case "rows, all lengths around the lanes":
                Rows(hash, s_lengths);
                break;
            case "rows, two at a time and alone":
                Rows(hash, s_pairs);
                break;
            case "rows, special ones among ordinary ones":
                Rows(hash, Scaled, s_special);
                break;
            case "rows, means of 0 to 100 deviations":
                Rows(hash, (i, x) => x + 4 * i, (25, 40), (17, 300), (9, 700));
                break;
            case "rows, beyond the cache":
                Rows(hash, (1500, 777), (13000, 1000));
                break;
            case "rows without a mean, all lengths around the lanes":
                RowsWithoutMean(hash, (_, x) => x, s_lengths);
                break;
            case "rows without a mean, two at a time and alone":
                RowsWithoutMean(hash, (_, x) => x, s_pairs);
                break;
            case "rows without a mean, special ones among ordinary ones":
                RowsWithoutMean(hash, Scaled, s_special);
                break;
            case "rows without a mean, beyond the cache":
                RowsWithoutMean(hash, (_, x) => x, (1500, 777), (13000, 1000));
                break;
            case "channels of one element a sample":
                Channels(hash, (2, 1), (5, 3), (9, 16), (40, 17), (33, 300), (300, 40), (2100, 64));
                break;
            case "planes of 2 to 15 elements":
                Channels(hash, (3, 5, 2), (7, 16, 5), (4, 33, 15), (130, 20, 15));
                break;
            case "planes of 16 elements and more":
                Channels(hash, (3, 5, 16), (7, 3, 17), (4, 33, 49), (2, 2, 1000), (1, 40, 64), (6, 64, 196));
                break;
            case "channels, special ones among ordinary ones":
                Channels(hash, Scaled, (9, 40), (8, 17), (5, 7, 6), (4, 9, 20), (3, 6, 100));
                break;
            case "channels, far from the first element":
                Channels(hash, (i, x) => i < 40 ? 1e7f : x, (60, 40), (30, 40, 20));
                break;
            case "channels, beyond the cache":
                Channels(hash, (13000, 1000));
                break;
            case "planes, beyond the cache":
                Channels(hash, (10, 130, 10000));
                break;
            case "groups of short planes, as rows":
                Groups(hash, 3, (_, x) => x, (4, 6, 1), (5, 9, 2), (3, 48, 1), (2, 12, 15));
                break;
            case "groups of planes of 16 elements and more":
                Groups(hash, 3, (_, x) => x, (4, 6, 16), (5, 3, 17), (2, 12, 49), (3, 9, 400), (40, 6, 64));
                break;
            case "groups, special ones among ordinary ones":
                Groups(hash, 4, Scaled, (8, 8, 3), (6, 4, 20), (5, 16, 33));
                break;
            case "groups that threads share":
                Groups(hash, 2, (_, x) => x, (3, 4, 33000));
                break;
            default:
                Channels(hash, (16, 1, 20000), (3, 1, 70001));
                break;
        }

        Assert.Equal(pinned, hash.Text());
    }

    // Every eleventh element belongs to a scale that no float can carry through.
    private static float Scaled(int i, float x) => (i % 11) switch { 3 => x * 1e37f, 5 => x * 1e-42f, _ => x };

    private static void Rows(BitHash hash, params Shape[] shapes) => Rows(hash, (_, x) => x, shapes);

    private static void Rows(BitHash hash, Func<int, float, float> change, params Shape[] shapes)
    {
        foreach (Shape shape in shapes)
        {
            int features = shape.Last;
            foreach ((bool gamma, bool beta, bool relu) in Variants(shape))
            {
                Run(hash, new LayerNorm1D(features, epsilon: 1e-5, gamma, beta, relu), shape, i => i / features, change);
            }
        }
    }

    private static void RowsWithoutMean(BitHash hash, Func<int, float, float> change, params Shape[] shapes)
    {
        foreach (Shape shape in shapes)
        {
            int features = shape.Last;
            foreach ((bool gamma, bool onePlusGamma, bool outside) in ((bool, bool, bool)[])[(true, false, false), (true, true, false), (false, false, true)])
            {
                Run(hash, new RmsNorm(features, 1e-5, gamma, onePlusGamma, outside), shape, i => i / features, change);
            }
        }
    }

    private static void Channels(BitHash hash, params Shape[] shapes) => Channels(hash, (_, x) => x, shapes);

    private static void Channels(BitHash hash, Func<int, float, float> change, params Shape[] shapes)
    {
        foreach (Shape shape in shapes)
        {
            int length = shape.Rank == 3 ? shape[2] : 1;
            foreach ((bool gamma, bool beta, bool relu) in Variants(shape))
            {
                BatchNorm1D layer = new(shape[1], epsilon: 1e-5, withGamma: gamma, withBeta: beta, relu: relu);
                Run(hash, layer, shape, i => i / length % shape[1], change);
                hash.AddRaw(layer.Running!.Mean);
                hash.AddRaw(layer.Running.Variance);
                layer.Training = false;
                Run(hash, layer, shape, i => i / length % shape[1], change);
            }
        }
    }

    private static void Groups(BitHash hash, int groups, Func<int, float, float> change, params Shape[] shapes)
    {
        foreach (Shape shape in shapes)
        {
            int size = shape.Length / (shape[0] * groups);
            foreach ((bool gamma, bool beta, bool relu) in Variants(shape))
            {
                Run(hash, new GroupNorm(groups, shape[1], epsilon: 1e-5, gamma, beta, relu), shape, i => i / size, change);
            }
        }
    }

    private static IEnumerable<(bool Gamma, bool Beta, bool ReLU)> Variants(Shape shape) =>
        shape.Length > 500_000 ? [(true, true, false), (true, true, true)]
        : [(true, true, false), (true, true, true), (false, false, false), (true, false, false), (false, true, true)];

    private static void Run(BitHash hash, Layer layer, Shape shape, Func<int, int> setOf, Func<int, float, float> change)
    {
        RandomSource random = new(7);
        foreach (Parameter parameter in layer.Parameters)
        {
            Fill(parameter.Value, random, 0.4f);
            Fill(parameter.Gradient, random, 0.1f);
        }

        float[] x = new float[shape.Length];
        float[] dy = new float[shape.Length];
        Fill(x, random, 0.7f);
        Fill(dy, random, 0.3f);
        for (int i = 0; i < x.Length; i++)
        {
            x[i] = change(setOf(i), x[i]);
        }

        float[] y = new float[shape.Length];
        float[] dx = new float[shape.Length];
        layer.Forward(x, shape, y);
        layer.Backward(x, dy, dx);
        hash.AddRaw(y);
        hash.AddRaw(dx);
        layer.Backward(x, dy, []);
        dy.CopyTo(dx, 0);
        layer.Backward(x, dx, dx);
        hash.AddRaw(dx);
        x.CopyTo(y, 0);
        layer.Forward(y, shape, y);
        hash.AddRaw(y);
        foreach (Parameter parameter in layer.Parameters)
        {
            hash.AddRaw(parameter.Gradient);
        }
    }

    private static void Fill(float[] values, RandomSource random, float offset)
    {
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = i < 5000 ? (float)random.NextNormal() + offset : values[(i * 7919L + i / 5000) % 5000] + offset;
        }
    }
}
