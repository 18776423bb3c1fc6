using NormLayers.Numerics;

namespace NormLayers.Cli.Bench;

/// <summary>The mini-batches that a step case goes round: the same numbers in every process.</summary>
internal sealed class StepData
{
    /// <summary>So many, with labels drawn at random, that the network cannot learn them by heart and run into vanishing gradients.</summary>
    public const int Batches = 16;

    private readonly StepCase _case;

    public StepData(StepCase timed)
    {
        _case = timed;
        RandomSource random = new(2);
        X = NormData.Normal(random, Batches * timed.BatchSize * timed.Features, 0.2, 1);
        Labels = new int[Batches * timed.BatchSize];
        for (int i = 0; i < Labels.Length; i++)
        {
            Labels[i] = random.NextInt(timed.Classes);
        }
    }

    /// <summary>All samples, (Batches · BatchSize, Features).</summary>
    public float[] X { get; }

    public int[] Labels { get; }

    public ReadOnlySpan<float> BatchX(long step) => X.AsSpan(Start(step) * _case.Features, _case.BatchSize * _case.Features);

    public ReadOnlySpan<int> BatchLabels(long step) => Labels.AsSpan(Start(step), _case.BatchSize);

    private int Start(long step) => (int)(step % Batches) * _case.BatchSize;
}
