using NormLayers.Tests.Checks;
using NormLayers.Tests.Support;

namespace NormLayers.Tests.Conformance;

/// <summary>What a layer must give, from the reference over index sets, and how far it may be off, both by the names of the cases.</summary>
internal sealed record ExactOutputs(Dictionary<string, double[]> Values, Dictionary<string, double[]> Allowed)
{
    /// <param name="family">The layer's index sets.</param>
    /// <param name="norm">The reference.</param>
    /// <param name="layer">The layer before the pass, for its running statistics.</param>
    /// <param name="data">The input, its shape and the upstream gradient.</param>
    /// <param name="share">1 for a float layer, <see cref="Tolerance.InDouble"/> for a formula in double.</param>
    public static ExactOutputs Of(Family family, NormReference norm, Layer layer, (double[] X, Shape Shape, double[] Dy) data, double share = 1)
    {
        Solution solution = Solution.Of(family, norm, data.X, data.Shape, data.Dy);
        NormTolerances allowed = Tolerance.Of(solution, data.X, data.Dy, share);
        ExactOutputs exact = new(
            new() { ["y"] = solution.Y.Exact, ["dx"] = solution.Dx.Exact, ["mean"] = norm.Mean, ["rstd"] = norm.Rstd },
            new() { ["y"] = allowed.Y, ["dx"] = allowed.Dx });
        exact.Add("dgamma", solution.DGamma?.Exact, allowed.DGamma);
        exact.Add("dbeta", solution.DBeta?.Exact, allowed.DBeta);
        if (layer is NormalizationLayer { Training: true, Running: { } running } && norm.Given is null)
        {
            double m = (double)data.X.Length / norm.Mean.Length;
            double unbiased = layer is BatchNorm { BiasedRunningVariance: true } ? 1 : m / (m - 1);
            Momentum momentum = layer is BatchNorm batch ? batch.Momentum : ((InstanceNorm)layer).Momentum;
            exact.AddRunning("running_mean", running.Mean, norm.Mean, momentum.WeightOfBatch(1), share);
            exact.AddRunning("running_var", running.Variance, Array.ConvertAll(norm.Variance, v => v * unbiased), momentum.WeightOfBatch(1), share);
        }

        return exact;
    }

    /// <summary>Compares all that a float layer gives.</summary>
    public void Check(Dictionary<string, double[]> actual, string what)
    {
        foreach ((string output, double[] allowed) in Allowed)
        {
            Compare.Within(Values[output], actual[output], allowed, $"{what}: {output}");
        }
    }

    // The statistics of a channel, or the average of its instances.
    private void AddRunning(string name, float[] before, double[] ofSets, double weight, double share)
    {
        double[] old = Compare.Widen(before);
        double[] batch = [.. old.Select((_, c) => ofSets.Where((_, s) => s % old.Length == c).Average())];
        Add(name, [.. old.Zip(batch, (o, b) => (1 - weight) * o + weight * b)], Array.ConvertAll(Tolerance.Running(old, batch, weight), t => t * share));
    }

    private void Add(string name, double[]? values, double[] allowed)
    {
        if (values is not null)
        {
            (Values[name], Allowed[name]) = (values, allowed);
        }
    }
}
