using NormLayers.Tests.Support;

namespace NormLayers.Tests.Sabotage;

/// <summary>
/// Wrong variants of ghost batch normalization and batch renormalization, each a changed line of their references: the comparison with the float layer, which the
/// right references pass, tells every one of them by its name.
/// </summary>
public sealed class BatchVariantSabotageTests
{
    private const int Channels = 3;
    private const int ChunkSize = 4;
    private static readonly Shape s_shape = (13, Channels);

    public static TheoryData<string, string, string> GhostFaults => new()
    {
        { "every K-th sample in place of neighbours", "(isLeftAlone ? n - 1 : n) / chunkSize", "n % (shape[0] / chunkSize)" },
        { "the whole batch in place of chunks", "(isLeftAlone ? n - 1 : n) / chunkSize", "0" },
        { "a last sample by itself", "(isLeftAlone ? n - 1 : n)", "n" },
        { "ε outside the root", "1 / Math.Sqrt(variance + epsilon)", "1 / (Math.Sqrt(variance) + epsilon)" },
        { "running variance of the biased kind", "newWeight * variance * m / (m - 1)", "newWeight * variance" },
        { "momentum weighs the old value", "(1 - newWeight) * runningMean[c] + newWeight * mean", "newWeight * runningMean[c] + (1 - newWeight) * mean" },
        { "the last chunk alone moves the running mean", "runningMean[c] = (1 - newWeight)", "runningMean[c] = s < sets.Length - gamma.Length ? runningMean[c] : (1 - newWeight)" },
        { "dγ of the last chunk only", "dGamma[c] += S.Sum(", "dGamma[c] += s < sets.Length - gamma.Length ? 0 : S.Sum(" },
        { "dβ divided by the chunks", "dBeta[c] += S.Sum(i => dy[i]);", "dBeta[c] += S.Sum(i => dy[i]) * gamma.Length / sets.Length;" },
        { "no gradient through the mean", "G(i) - sumG / m - ", "G(i) - " },
        { "no gradient through the variance", " - XHat(i) * sumGXHat / m", "" },
        { "means over the batch in place of the chunk", "sumG / m", "sumG / x.Length * gamma.Length" },
    };

    public static TheoryData<string, string, string> RenormFaults => new()
    {
        { "R upside down", "deviation / runningDeviation[c]", "runningDeviation[c] / deviation" },
        { "D over the batch's deviation", "(mean - runningMean[c]) / runningDeviation[c]", "(mean - runningMean[c]) / deviation" },
        { "D with the wrong sign", "(mean - runningMean[c])", "(runningMean[c] - mean)" },
        { "no lower limit of R", "1 / rMax, rMax)", "0, rMax)" },
        { "no upper limit of R", "1 / rMax, rMax)", "1 / rMax, 1e9)" },
        { "no limit of D", "-dMax, dMax)", "-1e9, 1e9)" },
        { "D times R", "R * z + D; // [BRN-F5]", "R * (z + D);" },
        { "D left out", "R * z + D; // [BRN-F5]", "R * z;" },
        { "ε outside the root", " / m + epsilon); // [BRN-F2]", " / m) + epsilon;" },
        { "an unbiased deviation", " / m + epsilon); // [BRN-F2]", " / (m - 1) + epsilon);" },
        { "a running variance", "w * statistics[c].Deviation;", "w * statistics[c].Deviation * statistics[c].Deviation;" },
        { "momentum weighs the old value", "(1 - w) * runningMean[c] + w * statistics[c].Mean", "w * runningMean[c] + (1 - w) * statistics[c].Mean" },
        { "dγ of the uncorrected x̂", "dy[i] * (R * Z(i) + D)", "dy[i] * Z(i)" },
        { "R left out of dx", "R / deviation * (G", "1 / deviation * (G" },
        { "R and D differentiated where they are not limited", "(G(i) - sumG / m - Z(i) * sumGZ / m)", "(G(i) - (Math.Abs(R - 1) < 0.19 ? 0 : sumG / m + Z(i) * sumGZ / m))" },
        { "the projection with the corrected x̂", "- Z(i) * sumGZ / m", "- (R * Z(i) + D) * sumGZ / m" },
    };

    [Fact]
    public void References_WithoutAFault_MatchTheLayers()
    {
        Assert.True(GhostMatches(typeof(GhostBatchNormReference)));
        Assert.True(RenormMatches(typeof(BatchRenormReference)));
    }

    [Theory]
    [Trait("Width", "any")]
    [MemberData(nameof(GhostFaults))]
    public void GhostBatchNorm_OneFault_IsCaught(string fault, string right, string wrong) =>
        Assert.False(GhostMatches(Edited(typeof(GhostBatchNormReference), right, wrong)), fault);

    [Theory]
    [Trait("Width", "any")]
    [MemberData(nameof(RenormFaults))]
    public void BatchRenorm_OneFault_IsCaught(string fault, string right, string wrong) =>
        Assert.False(RenormMatches(Edited(typeof(BatchRenormReference), right, wrong)), fault);

    private static bool GhostMatches(Type reference)
    {
        GhostBatchNorm layer = new(Channels, ChunkSize, epsilon: 0.1, Momentum.NewWeight(0.2));
        (double[] gamma, double[] beta, float[] x, float[] dy) = Fill(layer);
        (double[] runningMean, double[] runningVariance) = (Compare.Widen(layer.Running!.Mean), Compare.Widen(layer.Running.Variance));
        (double[] dGamma, double[] dBeta) = (new double[Channels], new double[Channels]);
        Type indexSets = reference.Assembly.GetType(typeof(IndexSets).FullName!, throwOnError: true)!;
        object chunks = indexSets.GetMethod(nameof(IndexSets.Chunks))!.Invoke(null, [ChunkSize])!;
        int[][] sets = (int[][])indexSets.GetMethod(nameof(IndexSets.Of))!.Invoke(chunks, [s_shape])!;
        (double[] y, double[] mean, double[] rstd) = ((double[], double[], double[]))reference.GetMethod("Forward")!.Invoke(
            null, [Compare.Widen(x), sets, gamma, beta, 0.1, (0.2, runningMean, runningVariance)])!;
        double[] dx = (double[])reference.GetMethod("Backward")!.Invoke(
            null, [Compare.Widen(x), Compare.Widen(dy), sets, gamma, (mean, rstd), dGamma, dBeta])!;
        return Run(layer, x, dy) is (float[] actualY, float[] actualDx)
            && Near(y, actualY) && Near(dx, actualDx) && Near(dGamma, layer.Gamma!.Gradient) && Near(dBeta, layer.Beta!.Gradient)
            && Near(runningMean, layer.Running.Mean) && Near(runningVariance, layer.Running.Variance);
    }

    // The channels are one whose R is limited from above, one from below, and one that is within the limits.
    private static bool RenormMatches(Type type)
    {
        BatchRenorm layer = new(Channels, new RenormLimits(1.2, 0.5), epsilon: 0.1, Momentum.NewWeight(0.2));
        (double[] gamma, double[] beta, float[] x, float[] dy) = Fill(layer);
        (layer.Running!.Deviation[0], layer.Running.Deviation[1], layer.Running.Deviation[2]) = (0.5f, 4, 1.1f);
        (layer.Running.Mean[0], layer.Running.Mean[1], layer.Running.Mean[2]) = (2, 0.2f, 0.3f);
        (double[] runningMean, double[] runningDeviation) = (Compare.Widen(layer.Running.Mean), Compare.Widen(layer.Running.Deviation));
        object Call(string method, params object[] arguments) => type.GetMethod(method)!.Invoke(null, arguments)!;
        int[][] sets = IndexSets.Channels.Of(s_shape);
        (double[] dGamma, double[] dBeta) = (new double[Channels], new double[Channels]);
        object statistics = Call("Statistics", Compare.Widen(x), sets, 0.1, runningMean, runningDeviation, (1.2, 0.5));
        double[] y = (double[])Call("Normalize", Compare.Widen(x), sets, statistics, gamma, beta);
        double[] dx = (double[])Call("Backward", Compare.Widen(x), Compare.Widen(dy), sets, statistics, gamma, dGamma, dBeta);
        Call("UpdateRunning", sets, statistics, 0.2, runningMean, runningDeviation);
        return Run(layer, x, dy) is (float[] actualY, float[] actualDx)
            && Near(y, actualY) && Near(dx, actualDx)
            && Near(dGamma, layer.Gamma!.Gradient) && Near(dBeta, layer.Beta!.Gradient)
            && Near(runningMean, layer.Running.Mean) && Near(runningDeviation, layer.Running.Deviation);
    }

    private static (double[] Gamma, double[] Beta, float[] X, float[] Dy) Fill(NormalizationLayer layer)
    {
        Samples.Normal(Channels, 1.2, 0.4, seed: 3).CopyTo(layer.Gamma!.Value, 0);
        Samples.Normal(Channels, -0.3, 0.5, seed: 4).CopyTo(layer.Beta!.Value, 0);
        return (Compare.Widen(layer.Gamma.Value), Compare.Widen(layer.Beta.Value), Samples.Normal(s_shape.Length, 0.5), Samples.Upstream(s_shape.Length));
    }

    private static (float[] Y, float[] Dx) Run(Layer layer, float[] x, float[] dy) => (Samples.Forward(layer, x, s_shape), Samples.Backward(layer, x, dy));

    private static bool Near(double[] expected, float[] actual) =>
        expected.Length == actual.Length && expected.Zip(actual, (e, a) => Math.Abs(e - a) <= 1e-5 * Math.Max(1, Math.Abs(e))).All(near => near);

    private static Type Edited(Type reference, string right, string wrong)
    {
        string folder = reference.Name.Replace("Reference", "", StringComparison.Ordinal);
        string[] files = [$"src/NormLayers/{folder}/{reference.Name}.cs", "src/NormLayers/Normalization/IndexSets.cs", "src/NormLayers/Throw.cs"];
        return ReferenceSource.CompileEdited(new Fault(folder, (right, wrong)), files).GetType(reference.FullName!, throwOnError: true)!;
    }
}
