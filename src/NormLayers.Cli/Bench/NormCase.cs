using System.Globalization;
using NormLayers.Network;

namespace NormLayers.Cli.Bench;

/// <summary>What of a normalization is timed.</summary>
internal enum NormPass
{
    /// <summary>The forward pass in training: the statistics are computed from x.</summary>
    Forward,

    /// <summary>The forward pass in evaluation of a kind with running statistics.</summary>
    Evaluation,

    /// <summary>The forward pass in training and the backward pass, with the gradients of x, gamma and beta.</summary>
    ForwardBackward,
}

/// <summary>One normalization to time.</summary>
/// <param name="Layer">The normalization.</param>
/// <param name="Shape">(N, C), or (N, C, L) for kinds with channels. Of a kind that normalizes weights, the weights of N outputs.</param>
/// <param name="Pass">What of it.</param>
internal sealed record NormCase(NormalizationKind Layer, Shape Shape, NormPass Pass)
{
    public const double Epsilon = 1e-5;

    /// <summary>Whether it is the normalization of weights alone that is timed, without what else the kind has.</summary>
    public bool NormalizesWeights => Layer.Wrap is not null;

    public int Features => NormalizesWeights ? Shape[0] : Layer.IsPerChannel ? Shape[1] : Shape.Last;

    /// <summary>L of (N, C, L); 1 for (N, C).</summary>
    public int Length => Layer.IsPerChannel && Shape.Rank == 3 ? Shape[2] : 1;

    /// <summary>What the layer is created with.</summary>
    public NormalizationSettings Settings => new(Features) { Epsilon = Epsilon, Positions = Length };

    public bool HasBackward => Pass == NormPass.ForwardBackward;

    /// <summary>The bytes that must cross the memory bus if nothing is cached: x in and y out; backward, x and dy in and dx out.</summary>
    public long StreamedBytes => (HasBackward ? 5L : 2L) * sizeof(float) * Shape.Length;

    public string LayerName => Layer.Name;

    public string ShapeName => NameOf(Shape);

    public string PassName => Pass switch
    {
        NormPass.Forward => "forward",
        NormPass.Evaluation => "evaluation",
        _ => "forward+backward",
    };

    public static string NameOf(Shape shape) =>
        string.Join('x', Enumerable.Range(0, shape.Rank).Select(axis => shape[axis].ToString(CultureInfo.InvariantCulture)));

    /// <summary>Reads a shape like <c>512x768</c>.</summary>
    /// <returns>Whether it is one, of two or three dimensions above 0 and at most 2³¹ − 1 elements.</returns>
    public static bool TryReadShape(string text, out Shape shape)
    {
        shape = default;
        string[] parts = text.Split('x');
        int[] dimensions = [.. parts.Select(p => int.TryParse(p, NumberStyles.None, CultureInfo.InvariantCulture, out int size) ? size : 0)];
        if (dimensions.Length is not (2 or 3) || dimensions.Any(d => d == 0) || dimensions.Aggregate(1.0, (product, d) => product * d) > int.MaxValue)
        {
            return false;
        }

        shape = new Shape(dimensions);
        return true;
    }

    /// <summary>What is timed, on these tensors.</summary>
    public Action CreateWork(NormData data) => NormalizesWeights ? new WeightWork(this, data).Run : new NormWork(this, data).Run;

    /// <summary>Creates the layer, with gamma, beta and running statistics of the data.</summary>
    /// <exception cref="InvalidOperationException">The kind has no layer.</exception>
    public Layer CreateLayer(NormData data)
    {
        Layer layer = Layer.Create(Settings) ?? throw new InvalidOperationException($"'{LayerName}' has no layer to time.");
        layer.Training = Pass != NormPass.Evaluation;
        foreach (Parameter parameter in layer.Parameters)
        {
            (parameter.Name switch { "gamma" => data.Gamma, "beta" => data.Beta, _ => [] }).CopyTo(parameter.Value.AsSpan());
        }

        if (layer is INormalization { Running: { } running })
        {
            data.RunningMean.CopyTo(running.Mean.AsSpan());
            data.RunningVariance.CopyTo((running.Deviation.Length > 0 ? running.Deviation : running.Variance).AsSpan());
        }

        return layer;
    }

    public override string ToString() => $"{LayerName} {ShapeName} {PassName}";
}
