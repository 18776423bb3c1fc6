using System.Globalization;

namespace NormLayers;

/// <summary>A layer in the conventions of a library.</summary>
/// <param name="To">The library.</param>
/// <param name="Name">What the layer is called there: <c>BatchNormalization</c>; where that depends on the rank of its input, which a layer here leaves open, all of them: <c>BatchNorm1d, BatchNorm2d or BatchNorm3d</c>.</param>
/// <param name="Arguments">
/// The numbers to create it with beside its sizes, by the library's names: <c>epsilon</c>, <c>momentum</c>, <c>groups</c>; and, where they are not the library's default, its switches, such as
/// <c>affine</c>, as 1 and 0.
/// </param>
/// <param name="Tensors">
/// γ, β and running statistics by the library's names. They are <paramref name="Layer"/>'s own arrays: to bring weights from the library, write them there.
/// </param>
/// <param name="Layer">The same in this library: a new layer with these conventions and values.</param>
/// <param name="NotExpressed">What the library has no way to say, or <paramref name="Arguments"/> no number for, a sentence each, and what holds in its place; empty if all is said.</param>
public sealed record Conversion(
    string To,
    string Name,
    IReadOnlyDictionary<string, double> Arguments,
    IReadOnlyDictionary<string, float[]> Tensors,
    Layer Layer,
    IReadOnlyList<string> NotExpressed)
{
    /// <summary>The layer as the library would create it, but for its sizes, and what it has no way to say: <c>Keras: BatchNormalization(epsilon = 1E-05)</c>.</summary>
    public override string ToString()
    {
        IEnumerable<string> arguments = Arguments.Select(a => string.Create(CultureInfo.InvariantCulture, $"{a.Key} = {a.Value}"));
        return string.Join(' ', [$"{To}: {Name}({string.Join(", ", arguments)})", .. NotExpressed]);
    }
}
