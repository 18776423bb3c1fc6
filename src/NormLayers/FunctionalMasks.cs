using NormLayers.Normalization;

namespace NormLayers;

/// <content>What masks leave; null for all.</content>
public static partial class Functional
{
    [ThreadStatic]
    private static Compaction? _compaction;

    private static Compaction? KeptRows(ReadOnlySpan<bool> mask, int elements, int features, int rowsPerParameters = 0)
    {
        Compaction? kept = KeptOf(mask, elements, features, orElements: true);
        kept?.KeepRows(mask, elements / features, features, rowsPerParameters);
        return kept;
    }

    private static Compaction? KeptSamples(ReadOnlySpan<bool> mask, Shape shape)
    {
        Compaction? kept = KeptOf(mask, shape.Length, shape[1], orElements: false);
        kept?.KeepSamples(mask, Planes.Of(shape));
        return kept;
    }

    // The planes are (K, C, 1) where a mask leaves something.
    private static Compaction? KeptPositions(ReadOnlySpan<bool> mask, Shape shape, ref Planes planes)
    {
        Compaction? kept = KeptOf(mask, shape.Length, shape[1], orElements: false);
        planes = kept?.KeepPositions(mask, planes) ?? planes;
        return kept;
    }

    private static Compaction? KeptOf(ReadOnlySpan<bool> mask, int elements, int together, bool orElements)
    {
        if (mask.IsEmpty)
        {
            return null;
        }

        Throw.IfMaskDiffers(mask.Length, elements, together, orElements ? "rows" : "positions", orElements, nameof(mask));
        return Compaction.IsNeeded(mask) ? _compaction ??= new Compaction() : null;
    }
}
