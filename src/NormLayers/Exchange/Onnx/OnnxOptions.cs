namespace NormLayers;

/// <summary>What an ONNX file says beside the network's values.</summary>
public sealed record OnnxOptions
{
    /// <summary>The name of the graph.</summary>
    public string Name { get; init; } = "network";

    /// <summary>What the network is, for people; empty for nothing.</summary>
    public string Documentation { get; init; } = "";

    /// <summary>The name of the input.</summary>
    public string Input { get; init; } = "x";

    /// <summary>The name of the output.</summary>
    public string Output { get; init; } = "y";

    /// <summary>The name of a second output, the softmax of the first over its last dimension; null for none.</summary>
    public string? Softmax { get; init; }

    /// <summary>
    /// Of each feature the numbers of (scale·x − shift − mean)/deviation, computed in double before the network; 0 where the deviation is 0. Null for
    /// nothing: the input is what the network takes.
    /// </summary>
    public IReadOnlyList<(double Scale, double Shift, double Mean, double Deviation)>? Standardization { get; init; }

    /// <summary>More text by key, the file's <c>metadata_props</c>.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; init; } = LayerConventions.None;
}
