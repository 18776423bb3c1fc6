namespace NormLayers.Exchange;

/// <summary>An input of a node that a layer keeps as a parameter.</summary>
/// <param name="Name">The value's name; empty if the node has no such input.</param>
/// <param name="Tensor">What the value is; null if it is not constant.</param>
internal readonly record struct OnnxParameter(ReadOnlyMemory<byte> Name, OnnxTensorMessage? Tensor)
{
    public bool IsThere => !Name.IsEmpty;
}
