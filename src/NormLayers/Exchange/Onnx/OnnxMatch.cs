using Name = System.ReadOnlyMemory<byte>;

namespace NormLayers.Exchange;

/// <summary>What is known of a normalization in a graph, as slices of the file: of an <see cref="OnnxNormalization"/> all but its objects.</summary>
/// <param name="Node">The operator's node, or the last one of a sequence.</param>
/// <param name="Operator">The operator of ONNX that computes it.</param>
/// <param name="Epsilon">ε as the file states it.</param>
internal readonly record struct OnnxMatch(OnnxNodeMessage Node, string Operator, double Epsilon)
{
    /// <summary>Of a sequence the value that is normalized; null for an operator.</summary>
    public Name? Normalized { get; init; }

    /// <summary>Which of the operator's inputs are added and then normalized.</summary>
    public int[] Inputs { get; init; } = [];

    /// <summary>Whether the file has a sequence of operators in place of one.</summary>
    public bool IsDecomposed => Normalized is not null;

    /// <summary>γ, or the number g.</summary>
    public OnnxParameter Scale { get; init; }

    /// <summary>β.</summary>
    public OnnxParameter Shift { get; init; }

    public OnnxParameter Mean { get; init; }

    public OnnxParameter Variance { get; init; }

    /// <summary>The first of the normalized axes, all that follow being the others; or, in a sequence, the axes one by one.</summary>
    public FewIntegers Axes { get; init; } = new(-1);

    public long Groups { get; init; }

    /// <summary>Whether γ and β have one number per group, as in opsets 18 to 20.</summary>
    public bool ScaleIsPerGroup { get; init; }

    /// <summary>The weight of the running statistics' old value.</summary>
    public float Momentum { get; init; } = 0.9f;

    /// <summary>Whether ε is added to a length, and is not the least that is divided by.</summary>
    public bool AddsEpsilonToLength { get; init; }

    /// <summary>The shape that an Expand gives the lengths, if the file states it: what is normalized must have it.</summary>
    public FewIntegers? ExpandedTo { get; init; }

    /// <summary>Whether the node normalizes with the statistics of the batch.</summary>
    public bool IsTraining { get; init; }
}
