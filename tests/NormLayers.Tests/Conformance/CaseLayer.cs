using NormLayers.Tests.Checks;
using NormLayers.Tests.Support;

namespace NormLayers.Tests.Conformance;

/// <summary>The one place that says which layer of ours a case of an outside suite is, which references it has, and how close they must come.</summary>
internal sealed class CaseLayer
{
    private readonly ConformanceCase _case;
    private readonly Shape _shape;
    private readonly Shape _trailing;
    private readonly double[] _x;
    private readonly double[] _dy;
    private readonly double _epsilon;
    private readonly Family? _family;

    public CaseLayer(ConformanceCase c)
    {
        _case = c;
        _shape = c.ShapeOf("x");
        (_x, _dy) = (c.Input("x")!, c.Input("dy") ?? Filled(_shape.Length, 1));
        int axis = c.Has("axis") ? (int)c.Number("axis") : 0;
        int first = c.Dimensions("normalized_shape") is { } normalized ? _shape.Rank - normalized.Length : axis < 0 ? axis + _shape.Rank : axis;
        _trailing = new Shape([.. Enumerable.Range(first, _shape.Rank - first).Select(d => _shape[d])]);
        _epsilon = c.Op switch { "MeanVarianceNormalization" => 1e-9, "LpNormalization" or "LRN" => 0, _ => c.Number("epsilon") };
        (bool gamma, bool beta) = (c.Input("gamma") is not null || c.Outputs.Contains("dgamma"), c.Input("beta") is not null || c.Outputs.Contains("dbeta"));
        int C = _shape.Rank > 1 ? _shape[1] : 1;
        int groups = c.Has("groups") ? (int)c.Number("groups") : C;
        (_family, Layer) = c.Op switch
        {
            "BatchNorm" or "BatchNormalization" => ((Family?)Family.BatchNorm, (Layer)new BatchNorm(C, _epsilon, MomentumOf(c), gamma, beta, c.Text("mode") != "untracked")
            {
                BiasedRunningVariance = c.Suite == "onnx",
                Training = c.Text("mode") == "train" || c.Outputs.Contains("running_mean"),
            }),

            // ε = 10⁻⁹ is added to the root there.
            "MeanVarianceNormalization" => (new Family(c.Op, IndexSets.Over(c.Dimensions("axes")!), IndexSets.All) { EpsilonOutsideRoot = true }, new BatchNorm(C, 0, null, false, false, false)),
            "LayerNorm" or "LayerNormalization" => (Family.OverRows(_trailing.Rank), new LayerNorm(_trailing, _epsilon, gamma, beta)),
            "RMSNorm" or "RMSNormalization" => (Family.OverRows(_trailing.Rank) with { Statistic = Statistic.RootMeanSquare }, new RmsNorm(_trailing.Length, _epsilon, gamma)),
            "GroupNorm" or "GroupNormalization" => (Family.GroupNorm(groups), new GroupNorm(groups, C, _epsilon, gamma, beta)),
            "InstanceNorm" or "InstanceNormalization" => (Family.InstanceNorm, new InstanceNorm(C, _epsilon, withGamma: gamma, withBeta: beta)),
            "LpNormalization" => (new Family(c.Op, IndexSets.Over(axis), IndexSets.All) { Statistic = Statistic.L2 }, new ScaleNorm(_trailing[0], epsilon: 0)),
            "LRN" => (null, new LocalResponseNorm((int)c.Number("size"), c.Number("alpha"), c.Number("beta"), c.Number("bias"), evenReachesUp: true)),
            _ => throw new InvalidOperationException($"{c.Name}: no normalization is called {c.Op}."),
        };
        foreach ((string name, float[] values) in Layer.Parameters.Select(p => (p.Name, p.Value)).Concat(Layer.NamedState.Where(s => s.Floats is not null).Select(s => (s.Name, s.Floats!))))
        {
            Compare.Narrow(c.Input(name) ?? []).CopyTo(values, 0);
        }

        if (Layer is ScaleNorm scale)
        {
            scale.G.Value[0] = 1;
        }
    }

    public Layer Layer { get; }

    /// <summary>What the case is on the page: a layer, or a network of some.</summary>
    public static string NameOf(ConformanceCase c) => c.Op == "Training" ? "training of a network" : new CaseLayer(c).Layer.GetType().Name;

    /// <summary>Why a case is no layer of ours; null for one that is.</summary>
    public static string? WhyNone(ConformanceCase c) =>
        c.Op == "LpNormalization" && c.Number("p") == 1 ? "p = 1: no layer divides by the sum of magnitudes" : null;

    /// <summary>Every output of a case, from the float layer.</summary>
    public static IEnumerable<CaseOutput> Outputs(ConformanceCase c)
    {
        if (c.Op == "Training")
        {
            return TrainingCase.Outputs(c);
        }

        CaseLayer layer = new(c);
        Dictionary<string, double[]> allowed = layer.Allowed(share: 1);
        Dictionary<string, double[]> outputs = layer.Run();
        return c.Outputs.Select(o => new CaseOutput(o, c.Output(o), outputs[o], allowed[o]));
    }

    /// <summary>The outputs of a case that the references in double have: the one over index sets, and the page's.</summary>
    public static IEnumerable<CaseOutput> OutputsOfReferences(ConformanceCase c)
    {
        CaseLayer layer = new(c);
        Dictionary<string, double[]> allowed = layer.Allowed(Tolerance.InDouble);
        return ((Dictionary<string, double[]>?[])[layer.Page(), layer._family is null ? null : layer.Exact(1).Values])
            .OfType<Dictionary<string, double[]>>()
            .SelectMany(outputs => c.Outputs.Where(outputs.ContainsKey).Select(o => new CaseOutput(o, c.Output(o), outputs[o], allowed[o])));
    }

    private Dictionary<string, double[]> Allowed(double share) => _case.Suite switch
    {
        "libtorch" => Exact(share).Allowed,
        "onnx" => _case.Outputs.ToDictionary(o => o, o => Tolerance.Printed(_case.Output(o))),
        _ => _case.Outputs.ToDictionary(o => o, o => Filled(_case.Output(o).Length, _case.Number("atol"))),
    };

    private Dictionary<string, double[]> Run()
    {
        Shape shape = Layer is RowLayer rows ? (_x.Length / rows.Features, rows.Features) : _shape;
        Dictionary<string, double[]> outputs = NormRun.Of(Layer, Ordered(_x), shape, Ordered(_dy)).Outputs;
        (outputs["y"], outputs["dx"]) = (Restored(outputs["y"]), Restored(outputs["dx"]));
        if (Layer is BatchNorm { Running: { } running } batch)
        {
            Assert.Equal(batch.Training ? 1 : 0, running.BatchesSeen);
            if (!batch.Training)
            {
                Compare.SameBits(Compare.Narrow(_case.Input("running_mean") ?? new double[batch.Features]), running.Mean, "running mean");
                Compare.SameBits(Compare.Narrow(_case.Input("running_var") ?? Filled(batch.Features, 1)), running.Variance, "running variance");
            }

            batch.Training = false;
            outputs["y_eval_after"] = Compare.Widen(Samples.Forward(batch, Compare.Narrow(_x), _shape));
        }

        if (Layer is LayerNorm norm)
        {
            NormStatistics statistics = new();
            Functional.LayerNorm(Compare.Narrow(_x), norm.Features, Functional.Ones, Functional.Zeros, norm.Epsilon, new float[_x.Length], statistics: statistics);
            (outputs["mean"], outputs["rstd"]) = (statistics.Mean.ToArray(), statistics.Rstd.ToArray());
        }

        return outputs;
    }

    private ExactOutputs Exact(double share)
    {
        (double[], double[])? given = Layer is BatchNorm { Training: false, Running: { } running } ? (Compare.Widen(running.Mean), Compare.Widen(running.Variance)) : null;
        NormReference norm = _family!.Reference(_epsilon, ValueOf("gamma"), ValueOf("beta"), given);
        return ExactOutputs.Of(_family, norm, Layer, (_x, _shape, _dy), share);
    }

    // By the reference that the layer's page explains.
    private Dictionary<string, double[]> Page()
    {
        int parameters = Layer is LayerNorm or RmsNorm ? _trailing.Length : _shape.Rank > 1 ? _shape[1] : 1;
        int length = _shape.Length / (_shape[0] * parameters);
        (double[] gamma, double[] beta) = (ValueOf("gamma") ?? Filled(parameters, 1), ValueOf("beta") ?? new double[parameters]);
        (double[] dGamma, double[] dBeta) = (new double[parameters], new double[parameters]);
        Dictionary<string, double[]> outputs = new() { ["dgamma"] = dGamma, ["dbeta"] = dBeta };
        switch (Layer)
        {
            case LayerNorm:
                (outputs["y"], outputs["mean"], outputs["rstd"]) = LayerNormReference.Forward(_x, gamma, beta, _epsilon);
                outputs["dx"] = LayerNormReference.Backward(_x, _dy, gamma, outputs["mean"], outputs["rstd"], dGamma, dBeta);
                break;
            case RmsNorm:
                (outputs["y"], double[] meanSquare, outputs["rstd"]) = RmsNormReference.Forward(_x, gamma, _epsilon);
                outputs["dx"] = RmsNormReference.Backward(_x, _dy, gamma, meanSquare, outputs["rstd"], dGamma);
                break;
            case GroupNorm group:
                (outputs["y"], outputs["mean"], outputs["rstd"]) = GroupNormReference.Forward(_x, length, group.Groups, gamma, beta, _epsilon);
                outputs["dx"] = GroupNormReference.Backward(_x, _dy, length, gamma, outputs["mean"], outputs["rstd"], dGamma, dBeta);
                break;
            case InstanceNorm:
                (outputs["y"], outputs["mean"], outputs["rstd"]) = InstanceNormReference.Forward(_x, length, gamma, beta, _epsilon);
                outputs["dx"] = InstanceNormReference.Backward(_x, _dy, length, gamma, outputs["mean"], outputs["rstd"], dGamma, dBeta);
                break;
            case BatchNorm batch:
                (double[] Mean, double[] Variance)? given = batch is { Training: false, Running: { } running } ? (Compare.Widen(running.Mean), Compare.Widen(running.Variance)) : null;
                int[][] sets = IndexSets.Channels.Of(_shape);
                (double[] mean, double[] variance) = given ?? BatchNormReference.Statistics(_x, sets);
                (outputs["y"], double[] rstd) = BatchNormReference.Normalize(_x, sets, mean, variance, gamma, beta, batch.Epsilon);
                outputs["dx"] = BatchNormReference.Backward(_x, _dy, sets, mean, rstd, gamma, given is null, dGamma, dBeta);
                if (batch is { Training: true, Running: { } before })
                {
                    // The factor m/(m − 1) of so large an m is 1.
                    double m = batch.BiasedRunningVariance ? double.MaxValue : _x.Length / parameters;
                    (outputs["running_mean"], outputs["running_var"]) = (Compare.Widen(before.Mean), Compare.Widen(before.Variance));
                    BatchNormReference.UpdateRunning(mean, variance, m, batch.Momentum.WeightOfBatch(1), outputs["running_mean"], outputs["running_var"]);
                }

                break;
            case ScaleNorm scale:
                outputs["y"] = Restored(ScaleNormReference.Forward(Ordered(_x), scale.Features, scale.G.Value[0], _epsilon).Y);
                break;
            case LocalResponseNorm:
                outputs["y"] = Layer.CreateReference()!.Forward(_x, _shape);
                break;
        }

        return outputs;
    }

    // The layers of rows take the elements of a set one after the other.
    private int[] Order() => Layer is RowLayer ? [.. _family!.Sets.Of(_shape).SelectMany(set => set)] : [.. Enumerable.Range(0, _x.Length)];

    private double[] Ordered(double[] values) => Array.ConvertAll(Order(), i => values[i]);

    private double[] Restored(double[] ordered)
    {
        double[] values = [.. ordered];
        Array.Sort(Order(), values);
        return values;
    }

    private double[]? ValueOf(string parameter) => Layer.Parameters.SingleOrDefault(p => p.Name == parameter) is { } p ? Compare.Widen(p.Value) : null;

    private static Momentum MomentumOf(ConformanceCase c) => c.Suite == "onnx" ? Momentum.OldWeight(c.Number("momentum")) : Momentum.NewWeight(c.Number("momentum"));

    private static double[] Filled(int length, double value)
    {
        double[] values = new double[length];
        Array.Fill(values, value);
        return values;
    }
}
