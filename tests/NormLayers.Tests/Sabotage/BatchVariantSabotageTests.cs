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
        { "R upside down", "Deviation[c] / runningDeviation[c]", "runningDeviation[c] / Deviation[c]" },
        { "D over the batch's deviation", "(Mean[c] - runningMean[c]) / runningDeviation[c]", "(Mean[c] - runningMean[c]) / Deviation[c]" },
        { "D with the wrong sign", "(Mean[c] - runningMean[c])", "(runningMean[c] - Mean[c])" },
        { "no lower limit of R", "1 / rMax, rMax)", "0, rMax)" },
        { "no upper limit of R", "1 / rMax, rMax)", "1 / rMax, 1e9)" },
        { "no limit of D", "-dMax, dMax)", "-1e9, 1e9)" },
        { "D times R", "R[c] * _z[i] + D[c]; // [BRN-F5]", "R[c] * (_z[i] + D[c]);" },
        { "D left out", "R[c] * _z[i] + D[c]; // [BRN-F5]", "R[c] * _z[i];" },
        { "ε outside the root", "Math.Sqrt(squares / m + Epsilon)", "(Math.Sqrt(squares / m) + Epsilon)" },
        { "an unbiased deviation", "Math.Sqrt(squares / m + Epsilon)", "Math.Sqrt(squares / (m - 1) + Epsilon)" },
        { "a running variance", "newWeight * Deviation[c];", "newWeight * Deviation[c] * Deviation[c];" },
        { "momentum weighs the old value", "(1 - newWeight) * runningMean[c] + newWeight * Mean[c]", "newWeight * runningMean[c] + (1 - newWeight) * Mean[c]" },
        { "dγ of the uncorrected x̂", "_dGamma[c] += dy[i] * xHat;", "_dGamma[c] += dy[i] * _z[i];" },
        { "R left out of dx", "R[c] / Deviation[c] * (g", "1 / Deviation[c] * (g" },
        { "R and D differentiated where they are not limited", "(g - sumG / m - _z[i] * sumGZ / m)", "(g - (Math.Abs(R[c] - 1) < 0.19 ? 0 : sumG / m + _z[i] * sumGZ / m))" },
        { "the projection with the corrected x̂", "- _z[i] * sumGZ / m", "- (R[c] * _z[i] + D[c]) * sumGZ / m" },
    };

    [Fact]
    public void References_WithoutAFault_MatchTheLayers()
    {
        Assert.True(GhostMatches(typeof(GhostBatchNormReference)));
        Assert.True(RenormMatches(typeof(BatchRenormReference)));
    }

    [Theory]
    [MemberData(nameof(GhostFaults))]
    public void GhostBatchNorm_OneFault_IsCaught(string fault, string right, string wrong) =>
        Assert.False(GhostMatches(Edited(typeof(GhostBatchNormReference), right, wrong)), fault);

    [Theory]
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
        ReferenceLayer reference = (ReferenceLayer)Activator.CreateInstance(type, runningMean, runningDeviation, (1.2, 0.5))!;
        foreach ((string name, object value) in (ReadOnlySpan<(string, object)>)[("Epsilon", 0.1), ("Gamma", gamma), ("Beta", beta)])
        {
            type.GetProperty(name)!.SetValue(reference, value);
        }

        double[] y = reference.Forward(Compare.Widen(x), s_shape);
        double[] dx = reference.Backward(Compare.Widen(dy));
        type.GetMethod("UpdateRunning")!.Invoke(reference, [0.2]);
        return Run(layer, x, dy) is (float[] actualY, float[] actualDx)
            && Near(y, actualY) && Near(dx, actualDx)
            && Near(reference.Parameters[0].Gradient, layer.Gamma!.Gradient) && Near(reference.Parameters[1].Gradient, layer.Beta!.Gradient)
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
        string room = reference.Name.Replace("Reference", "", StringComparison.Ordinal);
        string[] files = [$"src/NormLayers/{room}/{reference.Name}.cs", "src/NormLayers/Normalization/IndexSets.cs", "src/NormLayers/Throw.cs"];
        return ReferenceSource.CompileEdited(new Fault(room, (right, wrong)), files).GetType(reference.FullName!, throwOnError: true)!;
    }
}
