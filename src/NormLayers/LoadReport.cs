using NormLayers.Exchange;

namespace NormLayers;

/// <summary>How a file and the layer or network that it was loaded into differ.</summary>
/// <param name="Missing">The parts of the layer or network that the file does not have, by name; they keep their values.</param>
/// <param name="Unexpected">The tensors of the file that the layer or network does not have; they were not read.</param>
/// <param name="Unstated">The conventions, such as <c>norm1.epsilon</c>, that the file does not state, so that the layer's or network's are assumed.</param>
/// <param name="Different">The conventions in which the two differ, as in <c>norm1.epsilon: 0.001 in the file, 1E-05 here</c>.</param>
/// <param name="Metadata">All that the file says of itself.</param>
public sealed record LoadReport(
    IReadOnlyList<string> Missing,
    IReadOnlyList<string> Unexpected,
    IReadOnlyList<string> Unstated,
    IReadOnlyList<string> Different,
    IReadOnlyDictionary<string, string> Metadata)
{
    private const int MostShown = 8;

    /// <summary>The normalizations of the file without tensors that the layer or network does not have, as in <c>norm1 (RMS normalization)</c>.</summary>
    public IReadOnlyList<string> UnexpectedLayers { get; init; } = [];

    /// <summary>What it was loaded into, in a word.</summary>
    internal string Whole { get; init; } = "network";

    /// <summary>The differences in sentences, or that there are none; without the metadata.</summary>
    public override string ToString()
    {
        string[] sentences =
        [
            .. Missing.Count > 0 ? [$"The file lacks {Listed(Missing)}."] : (string[])[],
            .. Unexpected.Count > 0 ? [$"The {Whole} does not have {Listed(Unexpected)}."] : (string[])[],
            .. UnexpectedLayers.Count > 0 ? [$"The {Whole} does not have {Listed(UnexpectedLayers)}."] : (string[])[],
            .. Unstated.Count > 0 ? [$"The file does not state {Listed(Unstated)}."] : (string[])[],
            .. Different.Count > 0 ? [$"They differ: {string.Join("; ", Different)}."] : (string[])[],
        ];
        return sentences.Length > 0 ? string.Join(' ', sentences) : $"The file and the {Whole} agree.";
    }

    /// <summary>The first names for a message, and how many more there are.</summary>
    internal static string Listed(IReadOnlyList<string> names) => Listed([.. names.Select(FileText.Shown)], ", ");

    /// <summary>The same of parts that are fit to show as they are.</summary>
    internal static string Listed(IReadOnlyList<string> parts, string between) =>
        string.Join(between, parts.Take(MostShown)) + (parts.Count > MostShown ? FormattableString.Invariant($" and {parts.Count - MostShown} more") : "");
}
