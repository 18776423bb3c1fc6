using NormLayers.Cli.Bench;
using NormLayers.Network;

namespace NormLayers.Benchmarks.Peers;

/// <summary>The references: plain loops in double, written to be read.</summary>
internal sealed class ReferencePeer : IPeer
{
    // Beyond, a call takes a good part of a second and shows nothing new.
    private const int MostElements = 4 << 20;

    public string Version => "plain loops in double, one thread";

    public bool Takes(NormCase timed) => TensorPrimitivesPeer.Has(timed.Layer) && timed.Shape.Length <= MostElements;

    public IPeerWork Prepare(NormCase timed, NormData data) => new Work(timed, data);

    private sealed class Work(NormCase timed, NormData data) : IPeerWork
    {
        private readonly double[] _x = ToDouble(data.X);
        private readonly double[] _dy = ToDouble(data.Dy);
        private readonly double[] _gamma = ToDouble(data.Gamma);
        private readonly double[] _beta = ToDouble(data.Beta);
        private readonly double[] _mean = ToDouble(data.RunningMean);
        private readonly double[] _variance = ToDouble(data.RunningVariance);
        private readonly double[] _dGamma = new double[data.Gamma.Length];
        private readonly double[] _dBeta = new double[data.Gamma.Length];
        private readonly int[][] _sets = IndexSets.Channels.Of((data.X.Length / (timed.Features * timed.Length), timed.Features, timed.Length));
        private double[] _y = [];
        private double[] _dx = [];

        public NormOutputs Outputs => new(ToFloat(_y), ToFloat(_dx), ToFloat(_dGamma), ToFloat(_dBeta));

        public void Run()
        {
            if (timed.Layer == NormalizationKind.LayerNorm)
            {
                RunLayerNorm();
            }
            else if (timed.Layer == NormalizationKind.RmsNorm)
            {
                RunRmsNorm();
            }
            else
            {
                RunBatchNorm();
            }
        }

        public void Dispose()
        {
        }

        private void RunLayerNorm()
        {
            (_y, double[] mean, double[] rstd) = LayerNormReference.Forward(_x, _gamma, _beta, NormCase.Epsilon);
            if (timed.HasBackward)
            {
                ClearGradients();
                _dx = LayerNormReference.Backward(_x, _dy, _gamma, mean, rstd, _dGamma, _dBeta);
            }
        }

        private void RunRmsNorm()
        {
            (_y, double[] meanSquare, double[] rstd) = RmsNormReference.Forward(_x, _gamma, NormCase.Epsilon);
            if (timed.HasBackward)
            {
                ClearGradients();
                _dx = RmsNormReference.Backward(_x, _dy, _gamma, meanSquare, rstd, _dGamma);
            }
        }

        private void RunBatchNorm()
        {
            (double[] mean, double[] variance) = timed.Pass == NormPass.Evaluation
                ? (_mean, _variance)
                : BatchNormReference.Statistics(_x, _sets);
            (_y, double[] rstd) = BatchNormReference.Normalize(_x, _sets, mean, variance, _gamma, _beta, NormCase.Epsilon);
            if (timed.HasBackward)
            {
                ClearGradients();
                _dx = BatchNormReference.Backward(_x, _dy, _sets, mean, rstd, _gamma, batchStatistics: true, _dGamma, _dBeta);
            }
        }

        private void ClearGradients()
        {
            Array.Clear(_dGamma);
            Array.Clear(_dBeta);
        }

        private static double[] ToDouble(float[] values) => Array.ConvertAll(values, v => (double)v);

        private static float[] ToFloat(double[] values) => Array.ConvertAll(values, v => (float)v);
    }
}
