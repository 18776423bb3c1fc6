using NormLayers.Lab.Charts;
using NormLayers.Network;
using NormLayers.Numerics;

namespace NormLayers.Lab.Experiments;

/// <summary>Which changes of weights and data each normalization does not see.</summary>
internal sealed class Invariances : IExperiment
{
    private const int Samples = 32;
    private const int Inputs = 24;
    private const int Outputs = 16;
    private const float Factor = 3;
    private const double Tolerance = 1e-5;
    private const double Visible = 1e-2;
    private const double Ceiling = 1e6;
    private const double Smallest = 1e-9;

    private static readonly string[] _modes = ["batchnorm", "layernorm"];

    private static readonly (string Name, Action<float[], float[]> Apply, bool Batch, bool Layer)[] _transforms =
    [
        ("weight matrix x 3", (w, _) => Scale(w), true, true),
        ("weight matrix + one row", (w, _) => Shift(w), false, true),
        ("one weight vector x 3", (w, _) => Scale(w.AsSpan(0, Inputs)), true, false),
        ("data x 3", (_, x) => Scale(x), true, true),
        ("data + one row", (_, x) => Shift(x), true, false),
        ("one sample x 3", (_, x) => Scale(x.AsSpan(0, Inputs)), false, true),
    ];

    public string Name => "invariances";

    public string Paper => "Ba, Kiros & Hinton 2016, arXiv 1607.06450, Table 1; Ioffe & Szegedy 2015, arXiv 1502.03167, §3.3";

    public string Claim => "Each normalization ignores its own set of changes; weights a times as large get gradients 1/a as large.";

    public double Cost => 0.1;

    public bool Exact => true;

    public ExperimentResult Run(ExperimentContext context)
    {
        RandomSource random = new(context.Seed);
        float[] x = Draw(random, Samples * Inputs);
        float[] w = Draw(random, Outputs * Inputs);
        float[] dy = Draw(random, Samples * Outputs);
        List<ExperimentRow> rows = [];
        List<Assertion> assertions = [];
        foreach ((string name, Action<float[], float[]> apply, bool batch, bool layer) in _transforms)
        {
            float[] changedX = [.. x];
            float[] changedW = [.. w];
            apply(changedW, changedX);
            double[] deviations = new double[2];
            for (int i = 0; i < 2; i++)
            {
                (float[] before, _) = Pass(i == 0, x, w, dy);
                (float[] after, _) = Pass(i == 0, changedX, changedW, dy);
                deviations[i] = Deviation(before, after, 1);
                bool invariant = i == 0 ? batch : layer;
                string mode = i == 0 ? "batchnorm" : "layernorm";
                assertions.Add(invariant
                    ? new($"{mode} ignores: {name}", deviations[i], -Tolerance, Tolerance)
                    : new($"{mode} sees: {name}", deviations[i], Visible, Ceiling));
            }

            rows.Add(new(name, deviations));
        }

        double[] gradients = [GradientDeviation(true, x, w, dy), GradientDeviation(false, x, w, dy)];
        rows.Add(new("gradient of 3W, times 3", gradients));
        assertions.Add(new("batchnorm: gradient of aW is 1/a as large", gradients[0], -Tolerance, Tolerance));
        assertions.Add(new("layernorm: gradient of aW is 1/a as large", gradients[1], -Tolerance, Tolerance));
        return ExperimentResult.From(
            this,
            context,
            [
                "Largest change of the output over its largest value, with epsilon 0. Around 1e-7 is rounding: the change is not seen.",
                "The paper's text calls all methods invariant to rescaled data; its table, without weight normalization there, is what holds.",
            ],
            new(_modes, rows),
            assertions,
            [Map(rows)]);
    }

    private static HeatMap Map(List<ExperimentRow> rows) => new()
    {
        Title = "What each normalization sees",
        Words = "The change of the output, as a power of ten. Dark cells (≈): rounding, the change is not seen. Light cells (≠): it is.",
        X = new Axis("normalization") { Labels = _modes },
        Y = new Axis("change") { Labels = [.. rows.Select(r => r.Name)] },
        ValueTitle = "log10 of the change",
        Values = [.. rows.Select(r => r.Values.Select(v => Math.Log10(Math.Max(v, Smallest))).ToArray())],
        Marks = [.. rows.Select(r => r.Values.Select(v => v <= Tolerance ? "≈" : "≠").ToArray())],
        Details = [.. rows.Select(r => r.Values.Select(v => $"changes by {Table.Number(v)}").ToArray())],
        Minimum = Math.Log10(Smallest),
        Maximum = 1,
    };

    private static double GradientDeviation(bool batch, float[] x, float[] w, float[] dy)
    {
        float[] scaled = [.. w];
        Scale(scaled);
        return Deviation(Pass(batch, x, w, dy).Gradient, Pass(batch, x, scaled, dy).Gradient, Factor);
    }

    private static (float[] Output, float[] Gradient) Pass(bool batch, float[] x, float[] w, float[] dy)
    {
        Linear linear = new(Inputs, Outputs, new RandomSource(0), withBias: false);
        w.CopyTo(linear.Weight.Value, 0);
        Sequential network = new(linear, batch ? new BatchNorm1D(Outputs, epsilon: 0) : new LayerNorm1D(Outputs, epsilon: 0));
        float[] y = new float[Samples * Outputs];
        network.Forward(x, (Samples, Inputs), y);
        network.Backward(x, dy, []);
        return (y, linear.Weight.Gradient);
    }

    private static double Deviation(float[] before, float[] after, double factor)
    {
        double largest = before.Max(v => Math.Abs((double)v));
        return before.Zip(after, (b, a) => Math.Abs(factor * a - b)).Max() / largest;
    }

    private static float[] Draw(RandomSource random, int length)
    {
        float[] values = new float[length];
        for (int i = 0; i < length; i++)
        {
            values[i] = (float)(0.3 + random.NextNormal());
        }

        return values;
    }

    private static void Scale(Span<float> values)
    {
        foreach (ref float value in values)
        {
            value *= Factor;
        }
    }

    private static void Shift(float[] values)
    {
        for (int i = 0; i < values.Length; i++)
        {
            values[i] += 0.1f * (i % Inputs - 7);
        }
    }
}
