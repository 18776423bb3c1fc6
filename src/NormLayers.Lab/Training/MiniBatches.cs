using NormLayers.Lab.Data;
using NormLayers.Numerics;

namespace NormLayers.Lab.Training;

/// <summary>Hands out a data set in mini-batches, in a new order each epoch, copied into buffers of its own.</summary>
internal sealed class MiniBatches
{
    private readonly Dataset _data;
    private readonly RandomSource? _random;
    private readonly int[] _order;
    private readonly float[] _features;
    private readonly int[] _labels;
    private readonly int _end;
    private int _position;

    public MiniBatches(Dataset data, TrainingOptions options)
    {
        _data = data;
        Size = Math.Min(options.BatchSize, data.Count);
        _random = options.Shuffle ? new RandomSource(options.Seed) : null;
        _order = new int[data.Count];
        for (int i = 0; i < _order.Length; i++)
        {
            _order[i] = i;
        }

        _features = new float[Size * data.FeatureCount];
        _labels = new int[Size];
        _end = options.DropLast ? data.Count / Size * Size : data.Count;
    }

    /// <summary>The samples in a full mini-batch.</summary>
    public int Size { get; }

    /// <summary>Whether every mini-batch of the epoch has been handed out.</summary>
    public bool EpochDone => _position >= _end;

    /// <summary>The samples in the order of the epoch.</summary>
    public int[] Order => _order;

    /// <summary>The state of the random numbers that shuffle; empty without shuffling.</summary>
    public long[] RandomState => _random?.SaveState() ?? [];

    /// <summary>The mini-batches of this many samples from the beginning of an epoch.</summary>
    /// <exception cref="InvalidDataException">There is no place between two mini-batches behind so many.</exception>
    public int StepsTo(int samples) => samples >= 0 && samples <= _end && (samples % Size == 0 || samples == _end)
        ? (samples + Size - 1) / Size
        : throw new InvalidDataException($"expected a position from 0 to {_end} in the epoch, between two mini-batches of {Size}, got position {samples}.");

    /// <summary>The mini-batches of an epoch.</summary>
    public int StepsOfEpoch => StepsTo(_end);

    /// <summary>Goes to a place in an epoch.</summary>
    public void Restore(int[] order, long[] random, int position)
    {
        order.CopyTo(_order, 0);
        _random?.RestoreState(random);
        _position = position;
    }

    /// <summary>Begins an epoch, in a new order.</summary>
    public void StartEpoch()
    {
        _position = 0;
        _random?.Shuffle(_order);
    }

    /// <summary>The next mini-batch of the epoch, valid until the next call; empty at the end.</summary>
    public MiniBatch Next()
    {
        int count = Math.Min(Size, _end - _position);
        int D = _data.FeatureCount;
        for (int i = 0; i < count; i++)
        {
            int sample = _order[_position + i];
            _data.Features.AsSpan(sample * D, D).CopyTo(_features.AsSpan(i * D));
            _labels[i] = _data.Labels[sample];
        }

        _position += count;
        return new MiniBatch(_features.AsSpan(0, count * D), _labels.AsSpan(0, count), (count, D));
    }
}

/// <summary>A few samples with their labels.</summary>
internal readonly ref struct MiniBatch(ReadOnlySpan<float> features, ReadOnlySpan<int> labels, Shape shape)
{
    public ReadOnlySpan<float> Features { get; } = features;

    public ReadOnlySpan<int> Labels { get; } = labels;

    public Shape Shape { get; } = shape;

    public int Count => Labels.Length;
}
