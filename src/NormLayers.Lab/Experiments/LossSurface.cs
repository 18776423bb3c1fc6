using NormLayers.Network;

namespace NormLayers.Lab.Experiments;

/// <summary>The loss of one batch as a function of a network's parameters, in training mode.</summary>
/// <param name="network">The network; a reading moves its parameters and puts them back, and its running statistics follow.</param>
/// <param name="x">The samples.</param>
/// <param name="shape">The shape of x.</param>
/// <param name="loss">The loss of an output (first), whose gradient it writes (second).</param>
internal sealed class LossSurface(Sequential network, float[] x, Shape shape, Func<float[], float[], double> loss)
{
    private readonly float[] _y = new float[network.OutputShape(shape).Length];
    private readonly float[] _dy = new float[network.OutputShape(shape).Length];

    /// <summary>The loss where the parameters are; its gradient is then in the parameters.</summary>
    public double Differentiate()
    {
        network.ZeroGradients();
        network.Forward(x, shape, _y);
        double value = loss(_y, _dy);
        network.Backward(x, _dy, []);
        return value;
    }

    /// <summary>Walks along the negative gradient, and takes the step of the first layers alone.</summary>
    /// <param name="rate">The learning rate.</param>
    /// <param name="lengths">The lengths of the walk, in learning rates.</param>
    public SurfaceReading Read(double rate, IReadOnlyList<double> lengths)
    {
        float[][] start = [.. network.Parameters.Select(p => p.Value.ToArray())];
        double here = Differentiate();
        float[][] gradient = Gradient();
        Place[] walk = [.. lengths.Select(l => Visit(l * rate))];
        (double Cosine, double Distance)[] shifts = [.. Weights().Skip(1).Select(Shift)];
        Move(start, gradient, 0, network.Parameters.Count);
        return new SurfaceReading(
            here,
            walk.Min(p => p.Loss),
            walk.Max(p => p.Loss),
            walk.Min(p => p.Change),
            walk.Max(p => p.Change),
            walk.Max(p => p.Change / p.Distance),
            shifts.Average(s => s.Cosine),
            shifts.Average(s => s.Distance));

        Place Visit(double step)
        {
            Move(start, gradient, step, network.Parameters.Count);
            double value = Differentiate();
            double moved = Math.Sqrt(network.Parameters.Select((p, i) => SquaredDistance(p.Value, start[i])).Sum());
            return new Place(value, Math.Sqrt(network.Parameters.Select((p, i) => SquaredDistance(p.Gradient, gradient[i])).Sum()), moved);
        }

        (double Cosine, double Distance) Shift(int weight)
        {
            Move(start, gradient, rate, weight);
            Differentiate();
            float[] after = network.Parameters[weight].Gradient;
            return (Cosine(gradient[weight], after), Math.Sqrt(SquaredDistance(gradient[weight], after)));
        }
    }

    private float[][] Gradient() => [.. network.Parameters.Select(p => p.Gradient.ToArray())];

    /// <summary>Puts the first parameters a step along the negative gradient, and the others back.</summary>
    private void Move(float[][] start, float[][] gradient, double step, int count)
    {
        for (int i = 0; i < start.Length; i++)
        {
            float[] value = network.Parameters[i].Value;
            for (int j = 0; j < value.Length; j++)
            {
                value[j] = i < count ? (float)(start[i][j] - step * gradient[i][j]) : start[i][j];
            }
        }
    }

    private IEnumerable<int> Weights()
    {
        int first = 0;
        foreach (Layer layer in network.Layers)
        {
            if (layer is Linear)
            {
                yield return first;
            }

            first += layer.Parameters.Count;
        }
    }

    private static double SquaredDistance(float[] a, float[] b) => a.Zip(b, (v, w) => ((double)v - w) * ((double)v - w)).Sum();

    private static double Cosine(float[] a, float[] b) =>
        a.Zip(b, (v, w) => (double)v * w).Sum() / Math.Sqrt(a.Sum(v => (double)v * v) * b.Sum(v => (double)v * v));

    private readonly record struct Place(double Loss, double Change, double Distance);
}

/// <summary>What a loss looks like around a point.</summary>
/// <param name="Loss">The loss at the point.</param>
/// <param name="LowestLoss">The lowest loss on the walk along the gradient.</param>
/// <param name="HighestLoss">The highest loss on the walk.</param>
/// <param name="LeastChange">The least distance of a gradient on the walk from the first one.</param>
/// <param name="GreatestChange">The greatest such distance: small where the gradient foretells the next ones.</param>
/// <param name="Smoothness">The greatest change of the gradient per distance walked, the effective β.</param>
/// <param name="ShiftCosine">The cosine of a layer's gradient before and after the layers below took their step, a mean over the layers.</param>
/// <param name="ShiftDistance">The distance between those gradients, a mean over the layers.</param>
internal sealed record SurfaceReading(
    double Loss, double LowestLoss, double HighestLoss, double LeastChange, double GreatestChange, double Smoothness, double ShiftCosine, double ShiftDistance)
{
    public double LossRange => HighestLoss - LowestLoss;
}
