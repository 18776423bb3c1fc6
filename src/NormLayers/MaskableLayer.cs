using System.Runtime.CompilerServices;
using NormLayers.Normalization;

namespace NormLayers;

/// <summary>A normalization whose statistics a mask can limit to some of the elements.</summary>
public abstract class MaskableLayer : Layer
{
    private Compaction? _compaction;

    private protected MaskableLayer(string name)
        : base(name)
    {
    }

    /// <summary>Which elements count, in the passes from now on; null, the default, for all.</summary>
    /// <remarks>
    /// <para>A layer over channels takes a value for each position of (N, C, …): (N, …). A layer over the last dimensions takes a value for each element, or one for each
    /// of its rows; <see cref="DynamicLayerNorm"/> takes only a value for each row. True leaves an element in. The array is kept, not copied, and read in forward passes alone.</para>
    /// <para>Statistics, y and the gradients have the bits of the compacted data. Where the mask is false, x and dy are not read, and y and dx are 0. A set that is masked
    /// wholly changes nothing: no gradient and no running statistic. A forward pass throws where the mask's length does not fit.</para>
    /// <para>A pass with a mask allocates where the tensor has more elements or rows than any before, or the mask leaves more. The same shape and mask again allocate nothing.</para>
    /// </remarks>
    public bool[]? Mask { get; set; }

    /// <summary>What the mask has left in the last forward pass; null for all.</summary>
    private protected Compaction? Kept { get; private set; }

    /// <summary>C: in a tensor of E elements, E/C share C values of a mask.</summary>
    internal abstract int MaskedTogether { get; }

    /// <summary>Whether a mask may have a value for each element.</summary>
    private protected virtual bool MasksElements => false;

    /// <summary>What the elements that share a value of a mask are called.</summary>
    private protected virtual string MaskedUnit => MasksElements ? "rows" : "positions";

    /// <summary>Finds what a mask leaves.</summary>
    private protected abstract void Keep(Compaction kept, ReadOnlySpan<bool> mask, Shape shape);

    /// <inheritdoc/>
    protected override void ReplaceBuffers() => (_compaction, Kept, Mask) = (null, null, null);

    private protected sealed override void Prepare(Shape shape)
    {
        Kept = null;
        if (Mask is not null)
        {
            Prepare(Mask, shape);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)] // Its locals would be cleared in every pass.
    private void Prepare(bool[] mask, Shape shape)
    {
        Throw.IfMaskDiffers(mask.Length, shape.Length, MaskedTogether, MaskedUnit, MasksElements, nameof(Mask));
        if (Compaction.IsNeeded(mask))
        {
            Kept = _compaction ??= new Compaction();
            Keep(Kept, mask, shape);
        }
    }
}
