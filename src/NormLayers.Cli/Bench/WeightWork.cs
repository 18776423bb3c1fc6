using NormLayers.Network;

namespace NormLayers.Cli.Bench;

/// <summary>A case of a kind that normalizes weights, (N, …): x in the place of the weights before, a row for each of N outputs.</summary>
internal sealed class WeightWork(NormCase timed, NormData data)
{
    private readonly int _inputs = timed.Shape.Length / timed.Shape[0];
    private readonly NormStatistics _statistics = new();
    private readonly float[] _w = new float[data.X.Length];
    private readonly float[] _dv = new float[data.Dy.Length];
    private readonly float[] _dg = new float[data.Gamma.Length];

    public void Run()
    {
        bool isNorm = timed.Layer == NormalizationKind.WeightNorm;
        if (isNorm)
        {
            Functional.WeightNorm(data.X, _inputs, data.Gamma, _w, _statistics);
        }
        else
        {
            Functional.WeightStandardization(data.X, _inputs, NormCase.Epsilon, _w, _statistics);
        }

        if (timed.HasBackward && isNorm)
        {
            Array.Clear(_dg);
            Functional.WeightNormBackward(data.X, data.Dy, _inputs, data.Gamma, _statistics, _dv, _dg);
        }
        else if (timed.HasBackward)
        {
            Functional.WeightStandardizationBackward(data.X, data.Dy, _inputs, _statistics, _dv);
        }
    }
}
