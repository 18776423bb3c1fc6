using NormLayers.Network;
using NormLayers.Normalization;

namespace NormLayers;

/// <summary>Weight normalization of a linear layer: the weights of each output are a learned length times a learned direction, w = g·v/‖v‖, or (1 + g)·v/‖v‖ with <c>onePlusG</c>.</summary>
/// <remarks>
/// At first w is what the linear layer had, to rounding (of 1 + g, where that is the length): v is a copy and g its lengths. A row of zeros has no direction: w and all gradients are 0 there.
/// The derivation, line by line: README.md beside this file. The names of the parameters, <c>weight_g</c> and <c>weight_v</c>, are PyTorch's.
/// </remarks>
public sealed class WeightNorm : NormalizedLinear
{
    private Affine _affine;

    /// <summary>Wraps a linear layer, and takes its name.</summary>
    /// <param name="linear">The layer whose weights are normalized; from now on only this layer should call it.</param>
    /// <param name="onePlusG">Whether the length is 1 + g, and not g.</param>
    public WeightNorm(Linear linear, bool onePlusG = false)
        : base(linear, "weight_v")
    {
        _affine = new Affine((linear.Outputs, 1), withGamma: true, onePlusGamma: onePlusG, name: "weight_g");
        Parameters = linear.Bias is null ? [G, V] : [G, V, linear.Bias];
        NormalizeWeights();
        for (int o = 0; o < linear.Outputs; o++)
        {
            G.Value[o] = _affine.ToStored(Statistics.Rstd[o] == 0 ? 0 : 1 / Statistics.Rstd[o]);
        }

        NormalizeWeights();
    }

    /// <summary>g, the length of each output's weights, or that minus 1, shape (outputs, 1).</summary>
    public Parameter G => _affine.Gamma!;

    /// <summary>Whether the length of each output's weights is 1 + g, and not g.</summary>
    public bool OnePlusG => _affine.OnePlusGamma;

    /// <summary>v, the direction of each output's weights, shape (outputs, inputs). Its own length has no effect on w.</summary>
    public Parameter V => Raw;

    /// <inheritdoc/>
    public override IReadOnlyList<Parameter> Parameters { get; }

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> Conventions => LayerConventions.Of("weight normalization", epsilon: null, hasGamma: true, OnePlusG);

    /// <summary>
    /// Initialization from data: <b>overwrites</b> g and the bias so that every output has mean 0 and variance 1 over a batch. Without a bias the mean stays.
    /// For a network do it layer by layer, each on the outputs of those before.
    /// </summary>
    /// <param name="x">A batch of inputs, (N, inputs) with N ≥ 2.</param>
    /// <param name="shape">Its shape.</param>
    /// <returns>The outputs whose values on the batch are all the same, or not finite: they keep the length 1 and their bias.</returns>
    /// <exception cref="ArgumentException">A shape that the layer does not take, fewer than two rows, or a length that does not fit.</exception>
    public IReadOnlyList<int> InitializeFrom(ReadOnlySpan<float> x, Shape shape)
    {
        float[] t = new float[OutputShape(shape).Length];
        if (shape[0] < 2)
        {
            Throw.Argument(nameof(shape), "two rows or more", $"{shape}");
        }

        Array.Fill(G.Value, _affine.ToStored(1));
        float[] bias = [.. Linear.Bias?.Value ?? []];
        Array.Clear(Linear.Bias?.Value ?? []);
        Forward(x, shape, t);
        NormStatistics statistics = new();
        Functional.BatchNormTraining(t, (shape[0], Linear.Outputs), Functional.Ones, Functional.Zeros, epsilon: 0, new float[t.Length], statistics);
        List<int> unset = [];
        for (int o = 0; o < Linear.Outputs; o++)
        {
            (double mean, double rstd) = (statistics.Mean[o], statistics.Rstd[o]);
            if (rstd > 0 && float.IsFinite((float)rstd) && float.IsFinite((float)(mean * rstd)))
            {
                G.Value[o] = _affine.ToStored(rstd);
                Linear.Bias?.Value[o] = (float)(-mean * rstd);
            }
            else
            {
                Linear.Bias?.Value[o] = bias[o];
                unset.Add(o);
            }
        }

        return unset;
    }

    private RowTensors Tensors => new() { X = V.Value, Y = Linear.Weight.Value, Features = Linear.Inputs, RowGamma = _affine.Scale };

    /// <inheritdoc/>
    protected override void ReplaceBuffers()
    {
        base.ReplaceBuffers();
        _affine = _affine.Share();
    }

    private protected override void NormalizeWeights() => RowNorm.Forward<L2>(Tensors, default, Statistics.Sets);

    private protected override void DifferentiateWeights(Span<float> dRaw, Span<double> workspace) => RowNorm.Backward<L2>(
        Tensors, default, Statistics.Sets, new() { Dy = Linear.Weight.Gradient, Dx = dRaw, DGamma = _affine.DGamma }, workspace);

    private protected override NormReference CreateNormReference() =>
        new(IndexSets.Rows(), IndexSets.Rows()) { Statistic = Statistic.L2, Epsilon = 0, Gamma = _affine.WideGamma, OnePlusGamma = OnePlusG };
}
