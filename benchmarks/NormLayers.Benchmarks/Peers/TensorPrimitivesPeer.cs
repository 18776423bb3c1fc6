using System.Numerics.Tensors;
using NormLayers.Cli.Bench;
using NormLayers.Network;

namespace NormLayers.Benchmarks.Peers;

/// <summary>What a .NET developer writes without a library for it: a call of TensorPrimitives for each operation of the formulas.</summary>
internal sealed class TensorPrimitivesPeer : IPeer
{
    public string Version =>
        $"System.Numerics.Tensors {typeof(TensorPrimitives).Assembly.GetName().Version}, one call an operation, one thread";

    /// <summary>Whether the composition has been written for a kind.</summary>
    public static bool Has(NormalizationKind kind) => kind == NormalizationKind.LayerNorm || kind == NormalizationKind.RmsNorm || kind == NormalizationKind.BatchNorm;

    public bool Takes(NormCase timed) => Has(timed.Layer);

    public IPeerWork Prepare(NormCase timed, NormData data) =>
        timed.Layer == NormalizationKind.LayerNorm ? new Rows(timed, data)
        : timed.Layer == NormalizationKind.RmsNorm ? new RmsRows(timed, data)
        : new Columns(timed, data);

    private abstract class Work(NormCase timed, NormData data) : IPeerWork
    {
        protected NormCase Case { get; } = timed;

        protected NormData Data { get; } = data;

        protected float[] Y { get; } = new float[data.X.Length];

        protected float[] Dx { get; } = new float[data.Dy.Length];

        protected float[] DGamma { get; } = new float[data.Gamma.Length];

        protected float[] DBeta { get; } = new float[data.Gamma.Length];

        public NormOutputs Outputs => new(Y, Dx, DGamma, DBeta);

        public abstract void Run();

        public void Dispose()
        {
        }
    }

    private sealed class Rows(NormCase timed, NormData data) : Work(timed, data)
    {
        private readonly float[] _rstd = new float[timed.Shape.Length / timed.Features];
        private readonly float[] _mean = new float[timed.Shape.Length / timed.Features];
        private readonly float[] _xHat = new float[timed.Features];

        public override void Run()
        {
            int C = Case.Features;
            for (int n = 0; n < _rstd.Length; n++)
            {
                ReadOnlySpan<float> x = Data.X.AsSpan(n * C, C);
                Span<float> y = Y.AsSpan(n * C, C);
                _mean[n] = TensorPrimitives.Sum(x) / C;
                TensorPrimitives.Subtract(x, _mean[n], y);
                _rstd[n] = 1 / MathF.Sqrt(TensorPrimitives.SumOfSquares<float>(y) / C + (float)NormCase.Epsilon);
                TensorPrimitives.Multiply(y, _rstd[n], y);
                TensorPrimitives.MultiplyAdd(y, Data.Gamma, Data.Beta, y);
            }

            if (Case.HasBackward)
            {
                Backward(C);
            }
        }

        private void Backward(int C)
        {
            Array.Clear(DGamma);
            Array.Clear(DBeta);
            for (int n = 0; n < _rstd.Length; n++)
            {
                ReadOnlySpan<float> dy = Data.Dy.AsSpan(n * C, C);
                Span<float> dx = Dx.AsSpan(n * C, C);
                TensorPrimitives.Subtract(Data.X.AsSpan(n * C, C), _mean[n], _xHat);
                TensorPrimitives.Multiply(_xHat, _rstd[n], _xHat);
                TensorPrimitives.Add(DBeta, dy, DBeta);
                TensorPrimitives.MultiplyAdd(dy, _xHat, DGamma, DGamma);
                TensorPrimitives.Multiply(dy, Data.Gamma, dx);
                float sumG = TensorPrimitives.Sum<float>(dx);
                float sumGXHat = TensorPrimitives.Dot<float>(dx, _xHat);
                TensorPrimitives.MultiplyAdd(_xHat, -sumGXHat / C, dx, dx);
                TensorPrimitives.Subtract(dx, sumG / C, dx);
                TensorPrimitives.Multiply(dx, _rstd[n], dx);
            }
        }
    }

    private sealed class RmsRows(NormCase timed, NormData data) : Work(timed, data)
    {
        private readonly float[] _rstd = new float[timed.Shape.Length / timed.Features];
        private readonly float[] _xHat = new float[timed.Features];

        public override void Run()
        {
            int C = Case.Features;
            for (int n = 0; n < _rstd.Length; n++)
            {
                ReadOnlySpan<float> x = Data.X.AsSpan(n * C, C);
                Span<float> y = Y.AsSpan(n * C, C);
                _rstd[n] = 1 / MathF.Sqrt(TensorPrimitives.SumOfSquares(x) / C + (float)NormCase.Epsilon);
                TensorPrimitives.Multiply(x, _rstd[n], y);
                TensorPrimitives.Multiply(y, Data.Gamma, y);
            }

            if (Case.HasBackward)
            {
                Backward(C);
            }
        }

        private void Backward(int C)
        {
            Array.Clear(DGamma);
            for (int n = 0; n < _rstd.Length; n++)
            {
                ReadOnlySpan<float> dy = Data.Dy.AsSpan(n * C, C);
                Span<float> dx = Dx.AsSpan(n * C, C);
                TensorPrimitives.Multiply(Data.X.AsSpan(n * C, C), _rstd[n], _xHat);
                TensorPrimitives.MultiplyAdd(dy, _xHat, DGamma, DGamma);
                TensorPrimitives.Multiply(dy, Data.Gamma, dx);
                float sumGXHat = TensorPrimitives.Dot<float>(dx, _xHat);
                TensorPrimitives.MultiplyAdd(_xHat, -sumGXHat / C, dx, dx);
                TensorPrimitives.Multiply(dx, _rstd[n], dx);
            }
        }
    }

    /// <summary>Channels: with L = 1 a call works on a row of all channels, otherwise on the L elements of one channel.</summary>
    private sealed class Columns(NormCase timed, NormData data) : Work(timed, data)
    {
        private readonly float[] _mean = new float[timed.Features];
        private readonly float[] _rstd = new float[timed.Features];
        private readonly float[] _scale = new float[timed.Features];
        private readonly float[] _shift = new float[timed.Features];
        private readonly float[] _buffer = new float[Math.Max(timed.Features, timed.Length)];

        private int Features => Case.Features;

        private int Samples => Case.Shape[0];

        private float PerChannel => (float)Samples * Case.Length;

        public override void Run()
        {
            Statistics();
            TensorPrimitives.Add(_rstd, (float)NormCase.Epsilon, _rstd);
            TensorPrimitives.ReciprocalSqrt(_rstd, _rstd);
            Normalize();
            if (Case.HasBackward)
            {
                Backward();
            }
        }

        // Leaves the variance in _rstd.
        private void Statistics()
        {
            if (Case.Pass == NormPass.Evaluation)
            {
                Data.RunningMean.CopyTo(_mean, 0);
                Data.RunningVariance.CopyTo(_rstd, 0);
                return;
            }

            Array.Clear(_mean);
            Array.Clear(_rstd);
            ForEachSpan(static (work, x, _, c) =>
            {
                if (work.Case.Length == 1)
                {
                    TensorPrimitives.Add(work._mean, x, work._mean);
                }
                else
                {
                    work._mean[c] += TensorPrimitives.Sum(x);
                }
            });
            TensorPrimitives.Divide(_mean, PerChannel, _mean);
            ForEachSpan(static (work, x, _, c) =>
            {
                Span<float> centred = work._buffer.AsSpan(0, x.Length);
                if (work.Case.Length == 1)
                {
                    TensorPrimitives.Subtract(x, work._mean, centred);
                    TensorPrimitives.MultiplyAdd(centred, centred, work._rstd, work._rstd);
                }
                else
                {
                    TensorPrimitives.Subtract(x, work._mean[c], centred);
                    work._rstd[c] += TensorPrimitives.SumOfSquares<float>(centred);
                }
            });
            TensorPrimitives.Divide(_rstd, PerChannel, _rstd);
        }

        private void Normalize()
        {
            TensorPrimitives.Multiply(Data.Gamma, _rstd, _scale);
            ForEachSpan(static (work, x, start, c) =>
            {
                Span<float> y = work.Y.AsSpan(start, x.Length);
                if (work.Case.Length == 1)
                {
                    TensorPrimitives.Subtract(x, work._mean, y);
                    TensorPrimitives.MultiplyAdd(y, work._scale, work.Data.Beta, y);
                }
                else
                {
                    TensorPrimitives.Subtract(x, work._mean[c], y);
                    TensorPrimitives.Multiply(y, work._scale[c], y);
                    TensorPrimitives.Add(y, work.Data.Beta[c], y);
                }
            });
        }

        private void Backward()
        {
            Array.Clear(DGamma);
            Array.Clear(DBeta);
            ForEachSpan(static (work, x, start, c) =>
            {
                ReadOnlySpan<float> dy = work.Data.Dy.AsSpan(start, x.Length);
                Span<float> centred = work._buffer.AsSpan(0, x.Length);
                if (work.Case.Length == 1)
                {
                    TensorPrimitives.Subtract(x, work._mean, centred);
                    TensorPrimitives.MultiplyAdd(dy, centred, work.DGamma, work.DGamma);
                    TensorPrimitives.Add(work.DBeta, dy, work.DBeta);
                }
                else
                {
                    TensorPrimitives.Subtract(x, work._mean[c], centred);
                    work.DGamma[c] += TensorPrimitives.Dot(dy, centred);
                    work.DBeta[c] += TensorPrimitives.Sum(dy);
                }
            });
            TensorPrimitives.Multiply(DGamma, _rstd, DGamma);

            // dx = scale·(dy − dBeta/m − (x − mean)·rstd·dGamma/m)
            TensorPrimitives.Multiply(DGamma, _rstd, _shift);
            TensorPrimitives.Divide(_shift, -PerChannel, _shift);
            TensorPrimitives.Divide(DBeta, PerChannel, DBeta);
            ForEachSpan(static (work, x, start, c) =>
            {
                ReadOnlySpan<float> dy = work.Data.Dy.AsSpan(start, x.Length);
                Span<float> dx = work.Dx.AsSpan(start, x.Length);
                if (work.Case.Length == 1)
                {
                    TensorPrimitives.Subtract(x, work._mean, dx);
                    TensorPrimitives.MultiplyAdd(dx, work._shift, dy, dx);
                    TensorPrimitives.Subtract(dx, work.DBeta, dx);
                    TensorPrimitives.Multiply(dx, work._scale, dx);
                }
                else
                {
                    TensorPrimitives.Subtract(x, work._mean[c], dx);
                    TensorPrimitives.MultiplyAdd(dx, work._shift[c], dy, dx);
                    TensorPrimitives.Subtract(dx, work.DBeta[c], dx);
                    TensorPrimitives.Multiply(dx, work._scale[c], dx);
                }
            });
            TensorPrimitives.Multiply(DBeta, PerChannel, DBeta);
        }

        private void ForEachSpan(Action<Columns, ReadOnlySpan<float>, int, int> action)
        {
            int count = Case.Length == 1 ? Features : Case.Length;
            int spans = Data.X.Length / count;
            for (int i = 0; i < spans; i++)
            {
                action(this, Data.X.AsSpan(i * count, count), i * count, Case.Length == 1 ? 0 : i % Features);
            }
        }
    }
}
