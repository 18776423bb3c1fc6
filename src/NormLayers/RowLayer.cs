using NormLayers.Normalization;
using NormLayers.Numerics;

namespace NormLayers;

/// <summary>A normalization of each row by itself, over the last dimension, without a β of its own: <see cref="RmsNorm"/>, <see cref="ScaleNorm"/>, <see cref="AdaptiveLayerNorm"/>.</summary>
public abstract class RowLayer : MaskableLayer, INormalization
{
    private NormStatistics _statistics = new();
    private readonly Epsilon _epsilon;
    private AlignedBuffer _workspace;

    private protected RowLayer(string name, int features, Epsilon epsilon)
        : base(name)
    {
        Throw.IfNotPositive(features, nameof(features));
        Throw.IfNegativeOrNotFinite(epsilon.Value, nameof(epsilon));
        Features = features;
        _epsilon = epsilon;
    }

    /// <summary>C, the last dimension of the input.</summary>
    public int Features { get; }

    /// <summary>ε; the layer says where it is added, or what it limits.</summary>
    public double Epsilon => _epsilon.Value;

    /// <inheritdoc/>
    public bool IgnoresInputScale => true;

    internal sealed override int MaskedTogether => Features;

    private protected sealed override bool MasksElements => true;

    private protected bool AddsEpsilonToRoot => _epsilon.OutsideRoot;

    /// <inheritdoc/>
    public override Shape OutputShape(Shape shape) => Throw.IfLastDiffers(shape, Features, Name, nameof(shape));

    /// <inheritdoc/>
    protected override void ReplaceBuffers()
    {
        base.ReplaceBuffers();
        (_statistics, _workspace) = (new(), default);
    }

    private protected override void Keep(Compaction kept, ReadOnlySpan<bool> mask, Shape shape) => kept.KeepRows(mask, shape.Length / Features, Features);

    /// <summary>Overwrites y, and keeps the rows' statistics.</summary>
    private protected void Forward<S>(in RowTensors tensors)
        where S : struct, IStatistic
        => RowNorm.Forward<S>(in tensors, _epsilon, _statistics.Resize(Kept?.Rows ?? tensors.Rows).Sets, Kept);

    /// <summary>Overwrites dx; <b>adds to</b> dγ and dβ.</summary>
    private protected void Backward<S>(in RowTensors tensors, in Gradients gradients)
        where S : struct, IStatistic
    {
        long length = tensors.RowsPerParameters > 0
            ? RowNorm.WorkspaceLength(1, tensors.Gamma.Length)
            : RowNorm.WorkspaceLength(_statistics.Count, Features, rowGamma: !tensors.RowGamma.IsEmpty);
        RowNorm.Backward<S>(in tensors, _epsilon, _statistics.Sets, in gradients, _workspace.AtLeast(length), Kept);
    }
}
