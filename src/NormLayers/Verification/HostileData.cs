using NormLayers.Numerics;

namespace NormLayers.Verification;

/// <summary>A kind of data that breaks careless normalization.</summary>
/// <param name="Name">What it is.</param>
/// <param name="Element">Draws element i of a set.</param>
internal sealed record HostileData(string Name, Func<RandomSource, int, double> Element)
{
    public static IReadOnlyList<HostileData> All { get; } =
    [
        new("normal, mean 0", (r, _) => r.NextNormal()),
        new("normal, mean 0, no beta", (r, _) => r.NextNormal()) { WithBeta = false },
        new("normal, mean 1000", (r, _) => 1e3 + r.NextNormal()),
        new("normal, mean 1e6", (r, _) => 1e6 + r.NextNormal()),
        new("normal, mean 1e7, no beta", (r, _) => 1e7 + r.NextNormal()) { WithBeta = false },
        new("alternating signs", (r, i) => (i % 2 == 0 ? 1 : -1) * (1000 + r.NextNormal())),
        new("40000, 40001, …", (_, i) => 40000 + i),
        new("one far element first", (r, i) => i == 0 ? 1e6 : r.NextNormal()),
        new("first elements far", (r, i) => (i < 5 ? 1e4 : 0) + r.NextNormal()),
        new("constant 2000.3", (_, _) => 2000.3),
        new("around 1e30", (r, _) => 1e30 * r.NextNormal()),
        new("around 1e-30", (r, _) => 1e-30 * r.NextNormal()),
        new("around 1e-30, epsilon 0", (r, _) => 1e-30 * r.NextNormal()) { Epsilon = 0, Sizes = [7, 130] },
        new("subnormal", (r, _) => 1e-40 * r.NextNormal()),
        new("a million rows, mean 0", (r, _) => r.NextNormal()) { Sizes = [], ManyRows = true },
        new("a million rows, mean 1e7", (r, _) => 1e7 + r.NextNormal()) { Sizes = [], ManyRows = true },
        new("gamma around 1e10", (r, _) => 5 + r.NextNormal()) { GammaScale = 1e10 },
        new("every 512th 40 times as large", (r, i) => (i % 512 == 0 ? 40 : 1) * r.NextNormal()) { Sizes = [4096] },
    ];

    public IReadOnlyList<int> Sizes { get; init; } = [1, 2, 7, 16, 33, 130, 1000];

    /// <summary>Whether a million rows are drawn too: layer normalization of (10⁶, 3), batch normalization likewise.</summary>
    public bool ManyRows { get; init; }

    public double Epsilon { get; init; } = 1e-5;

    public double GammaScale { get; init; } = 1;

    public bool WithBeta { get; init; } = true;

    public float[] Draw(int size, RandomSource random)
    {
        float[] values = new float[size];
        for (int i = 0; i < size; i++)
        {
            values[i] = (float)Element(random, i);
        }

        return values;
    }
}
