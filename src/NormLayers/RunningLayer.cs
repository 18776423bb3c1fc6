using NormLayers.Normalization;
using NormLayers.Numerics;

namespace NormLayers;

/// <summary>A normalization of (N, C, …) whose channels may have running statistics: <see cref="BatchNorm"/> and what derives from it, and <see cref="InstanceNorm"/>.</summary>
public abstract class RunningLayer : NormalizationLayer
{
    private AlignedBuffer _workspace;
    private Planes _planes;

    private protected RunningLayer(
        Affine affine, RunningStatistics? running, (int Channels, double Epsilon, Momentum? Momentum, bool ReLU, string Name) options, NonFiniteStatistics nonFinite)
        : base(options.Name, affine, options.Epsilon, options.ReLU)
    {
        Throw.IfUndefined(nonFinite, nameof(nonFinite));
        MaskedTogether = options.Channels;
        Update = new RunningUpdate(options.Name, options.Momentum ?? Momentum.Default, nonFinite);
        Running = running;
    }

    /// <summary>How the running statistics follow the batches.</summary>
    public Momentum Momentum => Update.Momentum;

    /// <summary>What batch statistics that are not finite do to the running ones.</summary>
    public NonFiniteStatistics NonFinite => Update.NonFinite;

    /// <summary>The running statistics, in <see cref="InstanceNorm"/> of the averages over a batch's instances; null if the layer tracks none.</summary>
    public override RunningStatistics? Running { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<NamedState> NamedState => [.. base.NamedState, .. Running?.NamedState() ?? []];

    /// <inheritdoc/>
    public override Shape OutputShape(Shape shape)
    {
        if (!TakesRank(shape.Rank) || shape[1] != MaskedTogether)
        {
            Throw.Argument(nameof(shape), $"a shape {ExpectedShape} for {Name}", $"{shape}");
        }

        return shape;
    }

    private protected virtual string ExpectedShape => $"(N, {MaskedTogether}, …)";

    private protected virtual bool TakesRank(int rank) => rank >= 2;

    internal sealed override int MaskedTogether { get; }

    /// <summary>How the running statistics follow the batches, and their check.</summary>
    private protected RunningUpdate Update { get; }

    /// <summary>The statistics of the last forward pass.</summary>
    private protected NormStatistics Statistics { get; private set; } = new();

    /// <summary>N, C, L and the chunks of the last forward pass, or of what a mask has left of it, where channels are normalized.</summary>
    private protected ref Planes Planes => ref _planes;

    /// <inheritdoc/>
    protected override void ReplaceBuffers()
    {
        base.ReplaceBuffers();
        (Statistics, _workspace, _planes) = (new(), default, default);
    }

    /// <summary>The index sets whose statistics the running ones follow, C for each step, channel by channel.</summary>
    private protected abstract IndexSets StepSets { get; }

    /// <summary>What the running statistics follow, in double: for each step that training takes with this input, a mean and a variance, or deviation, of each channel.</summary>
    /// <param name="x">(N, C, …).</param>
    /// <param name="shape">Its shape.</param>
    /// <returns>The steps in order, (C) each; none where a mask leaves nothing.</returns>
    internal virtual (double[] Mean, double[] Spread)[] ReferenceSteps(double[] x, Shape shape)
    {
        int[] positionOf = IndexSets.Over(1).NumberOf(shape);
        int[][] sets = Array.ConvertAll(StepSets.Of(shape), S => Array.FindAll(S, i => Mask is null || Mask[positionOf[i]]));
        return [.. sets.Chunk(MaskedTogether).Where(step => step[0].Length > 0).Select(Statistics)];

        (double[], double[]) Statistics(int[][] step)
        {
            (double[] mean, double[] variance) = BatchNormReference.Statistics(x, step);
            return (mean, [.. variance.Select((v, c) => ReferenceSpread(v, step[c].Length))]);
        }
    }

    /// <summary>The average of such steps, or of instances, (C) each; NaN of none.</summary>
    internal (double[] Mean, double[] Spread) Average((double[] Mean, double[] Spread)[] steps)
    {
        return (Of(s => s.Mean), Of(s => s.Spread));

        double[] Of(Func<(double[] Mean, double[] Spread), double[]> values) =>
            [.. Enumerable.Range(0, MaskedTogether).Select(c => steps.Sum(s => values(s)[c]) / steps.Length)];
    }

    /// <summary>What <see cref="RunningStatistics.Spread"/> follows, from the biased variance of m elements: the unbiased one.</summary>
    private protected virtual double ReferenceSpread(double variance, double m) => variance * m / (m - 1);

    private protected Span<double> Workspace(long length) => _workspace.AtLeast(length);

    /// <summary>Overwrites the pass's statistics with the running ones.</summary>
    private protected virtual void TakeRunning() => Statistics.CopyFrom(Running!.Mean, Running.Spread);

    /// <summary>Overwrites y, channel by channel, from what a mask has left of x; without the batch's statistics x has not just been read.</summary>
    private protected void NormalizeChannels(ReadOnlySpan<float> left, double epsilon, bool batchStatistics, Span<float> y)
    {
        ChannelPass<No> pass = default;
        pass.X = left;
        pass.Result = y;
        pass.ReLU = HasReLU;
        pass.ReadsOnce = !batchStatistics;
        TakeSets(ref pass.Sets);
        pass.Sets.Beta = Affine.Shift;
        pass.Sets.Variance = Statistics.Variances;
        pass.Sets.Epsilon = new Epsilon(epsilon);
        ChunkNorm.Normalize(ref pass, in _planes, ref _workspace, Kept);
    }

    /// <summary>The backward pass, channel by channel.</summary>
    private protected void BackwardChannels(ReadOnlySpan<float> x, bool batchStatistics, in Gradients gradients)
    {
        ChannelSets sets = default;
        TakeSets(ref sets);
        sets.AreConstant = !batchStatistics;
        ChunkNorm.Backward(x, in _planes, in sets, in gradients, ref _workspace, Kept);
    }

    private void TakeSets(ref ChannelSets sets)
    {
        sets.Statistics = Statistics.Sets;
        sets.Gamma = Affine.Scale;
        sets.Corrections = Statistics.Corrections;
    }
}
