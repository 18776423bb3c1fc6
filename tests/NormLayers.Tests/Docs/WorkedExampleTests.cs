namespace NormLayers.Tests.Docs;

/// <summary>The three numbers by hand on each layer's page are what the reference and the float layer compute.</summary>
public sealed class WorkedExampleTests
{
    // The numbers are short: what is left is the rounding of a few operations on doubles of order 1.
    private const double Tolerance = 1e-14;

    [Fact]
    public void LayerNormPage_EachNumber_IsTheReferences()
    {
        PageTables page = new("src/NormLayers/LayerNorm/README.md");
        (double[] x, double[] gamma, double[] beta, double[] dy) = (page["x"], page["gamma"], page["beta"], page["dy"]);
        double[] dGamma = new double[gamma.Length];
        double[] dBeta = new double[gamma.Length];

        (double[] y, double[] mean, double[] rstd) = LayerNormReference.Forward(x, gamma, beta, page.Number("epsilon"));
        double[] dx = LayerNormReference.Backward(x, dy, gamma, mean, rstd, dGamma, dBeta);

        double[] xHat = [.. x.Select(v => (v - mean[0]) * rstd[0])];
        double[] g = [.. gamma.Zip(dy, (a, b) => a * b)];
        Equal(page["LN-F1"], mean);
        Equal(page["LN-F2"], [1 / (rstd[0] * rstd[0]) - page.Number("epsilon")]);
        Equal(page["LN-F3"], rstd);
        Equal(page["LN-F4"], xHat);
        Equal(page["LN-F5"], y);
        Equal(page["LN-B1"], dBeta);
        Equal(page["LN-B2"], dGamma);
        Equal(page["g"], g);
        Equal(page["LN-B3"], [g.Average()]);
        Equal(page["LN-B4"], [g.Zip(xHat, (a, b) => a * b).Average()]);
        Equal(page["LN-B5"], dx);
        Assert.Empty(page.Unread);
    }

    [Fact]
    public void LayerNormPage_YAndGradients_AreTheFloatLayers()
    {
        PageTables page = new("src/NormLayers/LayerNorm/README.md");
        LayerNorm1D layer = new(3, page.Number("epsilon"));
        Floats(page["gamma"]).CopyTo(layer.Gamma!.Value.AsSpan());
        Floats(page["beta"]).CopyTo(layer.Beta!.Value.AsSpan());
        float[] y = new float[3];
        float[] dx = new float[3];

        layer.Forward(Floats(page["x"]), (1, 3), y);
        layer.Backward(Floats(page["x"]), Floats(page["dy"]), dx);

        Assert.Equal(Floats(page["LN-F5"]), y);
        Assert.Equal(Floats(page["LN-B1"]), layer.Beta.Gradient);
        Assert.Equal(Floats(page["LN-B2"]), layer.Gamma.Gradient);
        Assert.Equal(Floats(page["LN-B5"]), dx);
    }

    [Fact]
    public void RmsNormPage_EachNumber_IsTheReferences()
    {
        PageTables page = new("src/NormLayers/RmsNorm/README.md");
        (double[] x, double[] gamma, double[] dy) = (page["x"], page["gamma"], page["dy"]);
        double[] dGamma = new double[gamma.Length];

        (double[] y, double[] meanSquare, double[] rstd) = RmsNormReference.Forward(x, gamma, page.Number("epsilon"));
        double[] dx = RmsNormReference.Backward(x, dy, gamma, meanSquare, rstd, dGamma);
        double outside = page.Number("epsilon outside");
        (double[] yOutside, _, double[] rstdOutside) = RmsNormReference.Forward(x, gamma, outside, epsilonOutsideRoot: true);

        double[] xHat = [.. x.Select(v => v * rstd[0])];
        double[] g = [.. gamma.Zip(dy, (a, b) => a * b)];
        Equal(page["RMS-F1"], meanSquare);
        Equal(page["RMS-F2"], rstd);
        Equal(page["RMS-F3"], xHat);
        Equal(page["RMS-F4"], y);
        Equal(page["RMS-B1"], dGamma);
        Equal(page["g"], g);
        Equal(page["RMS-B2"], [g.Zip(xHat, (a, b) => a * b).Average()]);
        Equal(page["RMS-B3"], dx);
        Equal(page["rstd, epsilon outside"], rstdOutside);
        Equal(y, yOutside);
        Equal(page["dx, epsilon outside"], RmsNormReference.Backward(x, dy, gamma, meanSquare, rstdOutside, new double[3], outside));
        Assert.Empty(page.Unread);
    }

    [Fact]
    public void RmsNormPage_YAndGradients_AreTheFloatLayers()
    {
        PageTables page = new("src/NormLayers/RmsNorm/README.md");
        foreach (string outside in (string[])["", ", epsilon outside"])
        {
            RmsNorm layer = new(3, page.Number(outside.Length == 0 ? "epsilon" : "epsilon outside"), epsilonOutsideRoot: outside.Length > 0);
            Floats(page["gamma"]).CopyTo(layer.Gamma!.Value.AsSpan());
            float[] y = new float[3];
            float[] dx = new float[3];

            layer.Forward(Floats(page["x"]), (1, 3), y);
            layer.Backward(Floats(page["x"]), Floats(page["dy"]), dx);

            Assert.Equal(Floats(page["RMS-F4"]), y);
            Assert.Equal(Floats(page["RMS-B1"]), layer.Gamma.Gradient);
            Assert.Equal(Floats(page[outside.Length == 0 ? "RMS-B3" : "dx" + outside]), dx);
        }
    }

    [Fact]
    public void BatchNormPage_EachNumber_IsTheReferences()
    {
        PageTables page = new("src/NormLayers/BatchNorm/README.md");
        (double[] x, double[] gamma, double[] beta, double[] dy) = (page["x"], page["gamma"], page["beta"], page["dy"]);
        double[] dGamma = new double[1];
        double[] dBeta = new double[1];
        double[] runningMean = [0];
        double[] runningVariance = [1];

        int[][] sets = IndexSets.Channels.Of((3, 1));
        (double[] mean, double[] variance) = BatchNormReference.Statistics(x, sets);
        (double[] y, double[] rstd) = BatchNormReference.Normalize(x, sets, mean, variance, gamma, beta, page.Number("epsilon"));
        BatchNormReference.UpdateRunning(mean, variance, x.Length, page.Number("newWeight"), runningMean, runningVariance);
        double[] dx = BatchNormReference.Backward(x, dy, sets, mean, rstd, gamma, batchStatistics: true, dGamma, dBeta);
        double[] dxOfConstants = BatchNormReference.Backward(x, dy, sets, mean, rstd, gamma, batchStatistics: false, new double[1], new double[1]);

        double[] xHat = [.. x.Select(v => (v - mean[0]) * rstd[0])];
        double[] g = [.. dy.Select(v => gamma[0] * v)];
        Equal(page["BN-F1"], mean);
        Equal(page["BN-F2"], variance);
        Equal(page["BN-F3"], rstd);
        Equal(page["BN-F4"], xHat);
        Equal(page["BN-F5"], y);
        Equal(page["BN-F6"], runningMean);
        Equal(page["BN-F7"], runningVariance);
        Equal(page["BN-B1"], dBeta);
        Equal(page["BN-B2"], dGamma);
        Equal(page["g"], g);
        Equal(page["BN-B3"], [g.Average()]);
        Equal(page["BN-B4"], [g.Zip(xHat, (a, b) => a * b).Average()]);
        Equal(page["BN-B5"], dx);
        Equal(page["BN-B6"], dxOfConstants);
        Assert.Empty(page.Unread);
    }

    [Fact]
    public void BatchNormPage_YStatisticsAndGradients_AreTheFloatLayers()
    {
        PageTables page = new("src/NormLayers/BatchNorm/README.md");
        BatchNorm1D layer = new(1, page.Number("epsilon"), Momentum.NewWeight(page.Number("newWeight")));
        Floats(page["gamma"]).CopyTo(layer.Gamma!.Value.AsSpan());
        Floats(page["beta"]).CopyTo(layer.Beta!.Value.AsSpan());
        float[] y = new float[3];
        float[] dx = new float[3];

        layer.Forward(Floats(page["x"]), (3, 1), y);
        layer.Backward(Floats(page["x"]), Floats(page["dy"]), dx);

        Assert.Equal(Floats(page["BN-F5"]), y);
        Assert.Equal(Floats(page["BN-F6"]), layer.Running!.Mean);
        Assert.Equal(Floats(page["BN-F7"]), layer.Running.Variance);
        Assert.Equal(Floats(page["BN-B1"]), layer.Beta.Gradient);
        Assert.Equal(Floats(page["BN-B2"]), layer.Gamma.Gradient);
        Assert.Equal(Floats(page["BN-B5"]), dx);
    }

    [Fact]
    public void GhostBatchNormPage_EachNumber_IsTheReferencesAndTheFloatLayers()
    {
        PageTables page = new("src/NormLayers/GhostBatchNorm/README.md");
        (double[] x, double[] gamma, double[] beta, double[] dy, double newWeight) = (page["x"], page["gamma"], page["beta"], page["dy"], page.Number("newWeight"));
        Shape shape = (6, 1);
        (double[] runningMean, double[] runningVariance) = ([0], [1]);
        (double[] dGamma, double[] dBeta) = ([0], [0]);
        (double[] y, double[] mean, double[] rstd) = GhostBatchNormReference.Forward(x, IndexSets.Chunks(3).Of(shape), gamma, beta, page.Number("epsilon"), (newWeight, runningMean, runningVariance));
        double[] dx = GhostBatchNormReference.Backward(x, dy, IndexSets.Chunks(3).Of(shape), gamma, (mean, rstd), dGamma, dBeta);

        double[] xHat = [.. x.Select((v, i) => (v - mean[i / 3]) * rstd[i / 3])];
        double[] g = [.. dy.Select(v => gamma[0] * v)];
        Equal(page["GBN-F1"], mean);
        Equal(page["GBN-F2"], [.. rstd.Select(r => 1 / (r * r) - page.Number("epsilon"))]);
        Equal(page["GBN-F3"], rstd);
        Equal(page["GBN-F4"], xHat);
        Equal(page["GBN-F5"], y);
        Equal([page["GBN-F6"][^1]], runningMean);
        Equal([page["GBN-F7"][^1]], runningVariance);
        Equal(page["GBN-B1"], dBeta);
        Equal(page["GBN-B2"], dGamma);
        Equal(page["g"], g);
        Equal(page["GBN-B3"], [g[..3].Average(), g[3..].Average()]);
        Equal(page["GBN-B4"], [.. g.Zip(xHat, (a, b) => a * b).Chunk(3).Select(c => c.Average())]);
        Equal(page["GBN-B5"], dx);
        Assert.Empty(page.Unread);

        GhostBatchNorm layer = new(1, 3, page.Number("epsilon"), Momentum.NewWeight(newWeight));
        Check(layer, page, "GBN", shape);
        Assert.Equal((float)page["GBN-F6"][^1], layer.Running!.Mean[0]);
        Assert.Equal((float)page["GBN-F7"][^1], layer.Running.Variance[0]);
    }

    [Fact]
    public void BatchRenormPage_EachNumber_IsTheReferencesAndTheFloatLayers()
    {
        PageTables page = new("src/NormLayers/BatchRenorm/README.md");
        (double[] x, double[] dy, double newWeight) = (page["x"], page["dy"], page.Number("newWeight"));
        (double[] runningMean, double[] runningDeviation) = ([page.Number("running mean")], [page.Number("running deviation")]);
        (double[] gamma, double[] dGamma, double[] dBeta) = (page["gamma"], new double[1], new double[1]);
        int[][] sets = IndexSets.Channels.Of((3, 1));
        (double Mean, double Deviation, double R, double D)[] statistics = BatchRenormReference.Statistics(
            x, sets, page.Number("epsilon"), runningMean, runningDeviation, (page.Number("rMax"), page.Number("dMax")));
        double[] y = BatchRenormReference.Normalize(x, sets, statistics, gamma, page["beta"]);
        double[] dx = BatchRenormReference.Backward(x, dy, sets, statistics, gamma, dGamma, dBeta);
        BatchRenormReference.UpdateRunning(sets, statistics, newWeight, runningMean, runningDeviation);

        (double mean, double deviation, double R, double D) = statistics[0];
        double[] z = [.. x.Select(v => (v - mean) / deviation)];
        double[] g = [.. dy.Select(v => gamma[0] * v)];
        Equal(page["BRN-F1"], [mean]);
        Equal(page["BRN-F2"], [deviation]);
        Equal(page["BRN-F3"], [R]);
        Equal(page["BRN-F4"], [D]);
        Equal(page["z"], z);
        Equal(page["BRN-F5"], [.. z.Select(v => R * v + D)]);
        Equal(page["BRN-F6"], y);
        Equal(page["BRN-F7"], runningMean);
        Equal(page["BRN-F8"], runningDeviation);
        Equal(page["BRN-B1"], dBeta);
        Equal(page["BRN-B2"], dGamma);
        Equal(page["g"], g);
        Equal(page["BRN-B3"], [g.Average()]);
        Equal(page["BRN-B4"], [g.Zip(z, (a, b) => a * b).Average()]);
        Equal(page["BRN-B5"], dx);
        Assert.Empty(page.Unread);

        BatchRenorm layer = new(1, new RenormLimits(page.Number("rMax"), page.Number("dMax")), page.Number("epsilon"), Momentum.NewWeight(newWeight));
        layer.Running!.Mean[0] = (float)page.Number("running mean");
        layer.Running.Deviation[0] = (float)page.Number("running deviation");
        Check(layer, page, "BRN", (3, 1), y: "F6");
        Assert.Equal((float)page.Number("BRN-F7"), layer.Running.Mean[0]);
        Assert.Equal((float)page.Number("BRN-F8"), layer.Running.Deviation[0]);
    }

    // y and the gradients of a float layer are the page's numbers, rounded once.
    private static void Check(NormalizationLayer layer, PageTables page, string prefix, Shape shape, string y = "F5")
    {
        Floats(page["gamma"]).CopyTo(layer.Gamma!.Value.AsSpan());
        Floats(page["beta"]).CopyTo(layer.Beta!.Value.AsSpan());
        float[] output = new float[shape.Length];
        float[] dx = new float[shape.Length];
        layer.Forward(Floats(page["x"]), shape, output);
        layer.Backward(Floats(page["x"]), Floats(page["dy"]), dx);
        Assert.Equal(Floats(page[$"{prefix}-{y}"]), output);
        Assert.Equal(Floats(page[$"{prefix}-B1"]), layer.Beta.Gradient);
        Assert.Equal(Floats(page[$"{prefix}-B2"]), layer.Gamma.Gradient);
        Assert.Equal(Floats(page[$"{prefix}-B5"]), dx);
    }

    [Fact]
    public void GroupNormPage_EachNumber_IsTheReferencesAndTheFloatLayers()
    {
        PageTables page = new("src/NormLayers/GroupNorm/README.md");
        double[] dGamma = new double[6];
        double[] dBeta = new double[6];
        (double[] y, double[] mean, double[] rstd) = GroupNormReference.Forward(page["x"], 1, 2, page["gamma"], page["beta"], page.Number("epsilon"));
        double[] dx = GroupNormReference.Backward(page["x"], page["dy"], 1, page["gamma"], mean, rstd, dGamma, dBeta);
        GroupsAre(page, "GN", page["gamma"], (mean, rstd, y, dx, dGamma, dBeta));
        FloatsAre(page, "GN", new GroupNorm(2, 6, page.Number("epsilon")), (1, 6));
    }

    [Fact]
    public void InstanceNormPage_EachNumber_IsTheReferencesAndTheFloatLayers()
    {
        PageTables page = new("src/NormLayers/InstanceNorm/README.md");
        double[] dGamma = new double[2];
        double[] dBeta = new double[2];
        (double[] y, double[] mean, double[] rstd) = InstanceNormReference.Forward(page["x"], 3, page["gamma"], page["beta"], page.Number("epsilon"));
        double[] dx = InstanceNormReference.Backward(page["x"], page["dy"], 3, page["gamma"], mean, rstd, dGamma, dBeta);
        GroupsAre(page, "IN", [.. page["gamma"].SelectMany(v => Enumerable.Repeat(v, 3))], (mean, rstd, y, dx, dGamma, dBeta));
        FloatsAre(page, "IN", new InstanceNorm(2, page.Number("epsilon"), withGamma: true, withBeta: true), (1, 2, 3));
    }

    [Fact]
    public void AdaptiveLayerNormPage_EachNumber_IsTheReferencesAndTheFloatLayers()
    {
        PageTables page = new("src/NormLayers/AdaptiveLayerNorm/README.md");
        (double[] x, double[] scale, double[] shift) = (page["x"], page["scale"], page["shift"]);
        (double[] y, double[] mean, double[] rstd) = AdaptiveLayerNormReference.Forward(x, 3, scale, shift, page.Number("epsilon"));
        (double[] dx, double[] dScale, double[] dShift) = AdaptiveLayerNormReference.Backward(x, page["dy"], 3, scale, mean, rstd);
        GroupsAre(page, "ADA", [.. scale.Concat(scale).Select(a => 1 + a)], (mean, rstd, y, dx, dScale, dShift));

        AdaptiveLayerNorm layer = new(3, page.Number("epsilon"));
        layer.SetCondition(Floats(scale), Floats(shift));
        float[] actualY = new float[6];
        float[] actualDx = new float[6];
        layer.Forward(Floats(x), (1, 2, 3), actualY);
        layer.Backward(Floats(x), Floats(page["dy"]), actualDx);
        Assert.Equal(Floats(y), actualY);
        Assert.Equal(Floats(dx), actualDx);
        Assert.Equal(Floats(dScale), layer.ScaleGradient.ToArray());
        Assert.Equal(Floats(dShift), layer.ShiftGradient.ToArray());
    }

    // Two sets of three elements.
    private static void GroupsAre(
        PageTables page, string tag, double[] gammaOf, (double[] Mean, double[] Rstd, double[] Y, double[] Dx, double[] DGamma, double[] DBeta) computed)
    {
        double[] xHat = [.. page["x"].Select((v, i) => (v - computed.Mean[i / 3]) * computed.Rstd[i / 3])];
        double[] g = [.. gammaOf.Zip(page["dy"], (a, b) => a * b)];
        double[] gXHat = [.. g.Zip(xHat, (a, b) => a * b)];
        Equal(page[tag + "-F1"], computed.Mean);
        Equal(page[tag + "-F2"], Array.ConvertAll(computed.Rstd, r => 1 / (r * r) - page.Number("epsilon")));
        Equal(page[tag + "-F3"], computed.Rstd);
        Equal(page[tag + "-F4"], xHat);
        Equal(page[tag + "-F5"], computed.Y);
        Equal(page[tag + "-B1"], computed.DBeta);
        Equal(page[tag + "-B2"], computed.DGamma);
        Equal(page["g"], g);
        Equal(page[tag + "-B3"], [g[..3].Average(), g[3..].Average()]);
        Equal(page[tag + "-B4"], [gXHat[..3].Average(), gXHat[3..].Average()]);
        Equal(page[tag + "-B5"], computed.Dx);
        Assert.Empty(page.Unread);
    }

    private static void FloatsAre(PageTables page, string tag, NormalizationLayer layer, Shape shape)
    {
        Floats(page["gamma"]).CopyTo(layer.Gamma!.Value.AsSpan());
        Floats(page["beta"]).CopyTo(layer.Beta!.Value.AsSpan());
        float[] y = new float[shape.Length];
        float[] dx = new float[shape.Length];
        layer.Forward(Floats(page["x"]), shape, y);
        layer.Backward(Floats(page["x"]), Floats(page["dy"]), dx);
        Assert.Equal(Floats(page[tag + "-F5"]), y);
        Assert.Equal(Floats(page[tag + "-B1"]), layer.Beta.Gradient);
        Assert.Equal(Floats(page[tag + "-B2"]), layer.Gamma.Gradient);
        Assert.Equal(Floats(page[tag + "-B5"]), dx);
    }

    private static void Equal(double[] page, double[] computed)
    {
        Assert.Equal(page.Length, computed.Length);
        for (int i = 0; i < page.Length; i++)
        {
            Assert.Equal(page[i], computed[i], Tolerance);
        }
    }

    private static float[] Floats(double[] values) => Array.ConvertAll(values, v => (float)v);
}
