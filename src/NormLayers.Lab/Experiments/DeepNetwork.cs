using NormLayers.Network;
using NormLayers.Numerics;

namespace NormLayers.Lab.Experiments;

/// <summary>A deep ReLU network at its initialization, run once forward and backward.</summary>
internal sealed class DeepNetwork
{
    public const int Depth = 24;
    private const int Width = 256;

    private readonly Sequential _network;
    private readonly float[] _y;
    private readonly int _layersPerBlock;
    private readonly int _samples;

    public DeepNetwork(NormalizationKind mode, int samples, RandomSource random)
    {
        _samples = samples;
        _layersPerBlock = mode == NormalizationKind.None ? 2 : 3;
        List<Layer> layers = [];
        for (int i = 1; i <= Depth; i++)
        {
            layers.Add(new Linear(Width, Width, random, withBias: false, name: $"linear{i}"));
            if (mode.Create(new NormalizationSettings(Width) { Name = $"norm{i}" }) is { } norm)
            {
                layers.Add(norm);
            }

            layers.Add(new ReLU($"relu{i}"));
        }

        _network = new Sequential(layers);
        float[] x = Draw(random);
        _y = new float[x.Length];
        _network.Forward(x, (samples, Width), _y);
        _network.Backward(x, Draw(random), []);
    }

    /// <summary>The squared norm of the gradient at the output of block <paramref name="block"/>, from 0.</summary>
    public double SquaredGradient(int block)
    {
        double sum = 0;
        foreach (float g in _network.ActivationGradients(_layersPerBlock * (block + 1) - 1))
        {
            sum += (double)g * g;
        }

        return sum;
    }

    /// <summary>The mean cosine between two samples, and the participation rank of all, at the output of a block.</summary>
    public (double Cosine, double Rank) Similarity(int block)
    {
        ReadOnlySpan<float> y = block == Depth - 1 ? _y : _network.Activations(_layersPerBlock * (block + 1) - 1);
        double[] gram = new double[_samples * _samples];
        for (int i = 0; i < _samples; i++)
        {
            for (int j = 0; j < _samples; j++)
            {
                for (int k = 0; k < Width; k++)
                {
                    gram[i * _samples + j] += (double)y[i * Width + k] * y[j * Width + k];
                }
            }
        }

        (double cosines, double trace, double squares) = (0, 0, 0);
        for (int i = 0; i < _samples; i++)
        {
            trace += gram[i * _samples + i];
            for (int j = 0; j < _samples; j++)
            {
                squares += gram[i * _samples + j] * gram[i * _samples + j];
                cosines += i == j ? 0 : gram[i * _samples + j] / Math.Sqrt(gram[i * _samples + i] * gram[j * _samples + j]);
            }
        }

        return (cosines / (_samples * (_samples - 1)), trace * trace / squares);
    }

    private float[] Draw(RandomSource random)
    {
        float[] values = new float[_samples * Width];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = (float)random.NextNormal();
        }

        return values;
    }
}
