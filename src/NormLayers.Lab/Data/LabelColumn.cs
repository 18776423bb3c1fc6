namespace NormLayers.Lab.Data;

/// <summary>Looks whether a column of labels can be one.</summary>
/// <param name="Place">The column, for messages.</param>
/// <param name="Samples">How many samples it labels.</param>
/// <param name="Classes">How many different labels it has.</param>
/// <param name="HasFractions">Whether they are numbers, and some not whole.</param>
internal sealed record LabelColumn(string Place, int Samples, int Classes, bool HasFractions)
{
    // Below this, a file is a sketch, and a class of one sample no sign of another kind of column.
    private const int FewSamples = 10;

    /// <summary>Whether a class has fewer than two samples on average, so that nothing can be learnt and tested.</summary>
    public bool IsNone => Samples >= FewSamples && 2L * Classes > Samples;

    /// <summary>Whether it may well be another kind of column: as many classes, or classes of fractions, are rare.</summary>
    public bool IsDoubtful => (Classes > 2 && 2L * Classes > Samples) || (HasFractions && Classes > 5) || (Classes > 20 && 20L * Classes > Samples);

    public string Problem => FormattableString.Invariant($"{Place} has {Classes} classes in {Samples} samples: it looks like no label column");
}
