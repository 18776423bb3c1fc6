using NormLayers.Numerics;

namespace NormLayers.Tests.Docs;

/// <summary>What the family's page says of its layers is what the reference over index sets computes.</summary>
public sealed class FamilyPageTests
{
    private const int Channels = 4;
    private const int Positions = 5;
    private static readonly Shape _shape = (3, Channels, Positions);

    private static readonly Dictionary<string, IndexSets> _sets = new()
    {
        ["batch"] = IndexSets.Channels,
        ["layer, whole sample"] = IndexSets.Rows(2),
        ["layer, one position"] = IndexSets.Over(1),
        ["group"] = IndexSets.Groups(2),
        ["instance"] = IndexSets.Instances,
        ["RMS"] = IndexSets.Over(1),
    };

    // Which elements (sample, channel, position) a row of the table changes.
    private static readonly Dictionary<string, Func<int, int, int, bool>> _changed = new()
    {
        ["everything"] = (_, _, _) => true,
        ["one channel"] = (_, c, _) => c == 1,
        ["one sample"] = (n, _, _) => n == 1,
        ["one position of a sample"] = (n, _, l) => (n, l) == (1, 2),
        ["one channel of one sample"] = (n, c, _) => (n, c) == (1, 2),
    };

    [Fact]
    public void WhatALayerIgnores_EachCell_IsWhatTheReferenceDoes()
    {
        string[][] table = Table("## What a layer ignores");
        string[] names = table[0][1..];
        Assert.Equal(_sets.Keys, names);
        Assert.Equal(7, table.Length - 1);
        double[] x = Values(seed: 1);
        foreach (string[] row in table[1..])
        {
            (string, Func<double, double>)[] changes = [.. new (string, Func<double, double>)[] { ("× a", v => 3 * v), ("+ b", v => v + 5) }.Where(c => row[0].Contains(c.Item1, StringComparison.Ordinal))];
            Assert.NotEmpty(changes);
            Func<int, int, int, bool> changed = _changed[row[0].Split(" × a")[0].Split(" + b")[0]];
            foreach ((string name, string said) in names.Zip(row[1..]))
            {
                foreach ((string change, Func<double, double> map) in changes)
                {
                    double[] other = [.. x.Select((v, i) => changed(i / (Channels * Positions), i / Positions % Channels, i % Positions) ? map(v) : v)];
                    double difference = XHat(name, x).Zip(XHat(name, other), (a, b) => Math.Abs(a - b)).Max();
                    string found = difference < 1e-12 ? "ignored" : difference > 0.01 ? "seen" : $"changed by {difference}";
                    Assert.Equal($"{row[0]} ({change}), {name}: {said}", $"{row[0]} ({change}), {name}: {found}");
                }
            }
        }
    }

    [Theory]
    [InlineData("batch")]
    [InlineData("layer, whole sample")]
    [InlineData("layer, one position")]
    [InlineData("group")]
    [InlineData("instance")]
    public void BackwardPass_EachEigenvector_IsMultipliedByItsEigenvalue(string name)
    {
        const double Epsilon = 0.5;
        double[] x = Values(seed: 2);
        NormReference norm = new(_sets[name], IndexSets.Channels) { Epsilon = Epsilon };
        norm.Forward(x, _shape);
        double[] xHat = [.. norm.XHat];
        int[][] sets = _sets[name].Of(_shape);

        Assert.All(norm.Backward(Array.ConvertAll(x, _ => 1.0)), v => Assert.Equal(0, v, 1e-14));

        double[] along = norm.Backward(xHat);
        double[] orthogonal = Values(seed: 3);
        for (int s = 0; s < sets.Length; s++)
        {
            double r = norm.Rstd[s];
            Assert.All(sets[s], i => Assert.Equal(r * Epsilon / (norm.Variance[s] + Epsilon) * xHat[i], along[i], 1e-14));

            double mean = sets[s].Average(i => orthogonal[i]);
            double part = sets[s].Sum(i => orthogonal[i] * xHat[i]) / sets[s].Sum(i => xHat[i] * xHat[i]);
            Array.ForEach(sets[s], i => orthogonal[i] -= mean + part * xHat[i]);
        }

        double[] across = norm.Backward(orthogonal);
        for (int s = 0; s < sets.Length; s++)
        {
            Assert.All(sets[s], i => Assert.Equal(norm.Rstd[s] * orthogonal[i], across[i], 1e-14));
            Assert.True(sets[s].Max(i => Math.Abs(across[i])) > 0.01);
        }
    }

    [Fact]
    public void Variations_ConstantSetAndSmallSets_AreAsTheTableSays()
    {
        double[] g = [3, 1, -1, 5];

        NormReference constant = new(IndexSets.Rows(), IndexSets.Columns()) { Epsilon = 1e-5 };
        constant.Forward([7, 7, 7, 7], (1, 4));
        Assert.Equal(Array.ConvertAll(g, v => (v - 2) / Math.Sqrt(1e-5)), constant.Backward(g), (a, b) => Math.Abs(a - b) < 1e-10);

        NormReference two = new(IndexSets.Rows(), IndexSets.Columns()) { Epsilon = 0 };
        two.Forward([1, 4, 9, 3], (2, 2));
        Assert.All(two.Backward(g), v => Assert.Equal(0, v, 1e-14));

        NormReference one = new(IndexSets.Rows(), IndexSets.Columns());
        one.Forward([1, 4, 9, 3], (4, 1));
        Assert.All(one.Backward(g), v => Assert.Equal(0, v));
    }

    private static double[] XHat(string name, double[] x)
    {
        Statistic statistic = name == "RMS" ? Statistic.RootMeanSquare : Statistic.MeanAndVariance;
        NormReference norm = new(_sets[name], IndexSets.Channels) { Epsilon = 0, Statistic = statistic };
        norm.Forward(x, _shape);
        return norm.XHat;
    }

    private static double[] Values(ulong seed)
    {
        RandomSource random = new(seed);
        return [.. Enumerable.Range(0, _shape.Length).Select(_ => 1 + 2 * random.NextNormal())];
    }

    // The first table behind a heading: the cells of its header and rows.
    private static string[][] Table(string heading)
    {
        string[] lines = RepositoryFiles.ReadLines("docs/family.md");
        int at = Array.IndexOf(lines, heading);
        Assert.True(at >= 0, $"docs/family.md has no section '{heading}'.");
        return [.. lines.Skip(at).SkipWhile(l => !l.StartsWith('|')).TakeWhile(l => l.StartsWith('|'))
            .Where(l => !l.StartsWith("|--", StringComparison.Ordinal)).Select(l => l.Trim('|').Split('|', StringSplitOptions.TrimEntries))];
    }
}
