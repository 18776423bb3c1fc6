namespace NormLayers.Cli.Configuration;

/// <summary>What a sweep varies: a setting and the values it takes.</summary>
/// <param name="Kind">The setting.</param>
/// <param name="Values">Its values.</param>
/// <param name="Origin">Where they were given.</param>
internal sealed record GridAxis(SweepAxisKind Kind, IReadOnlyList<string> Values, Origin Origin)
{
    public string Name => Kind.Name;

    /// <summary>An axis with its values as documents have them; those that are equal, however they are written, count once.</summary>
    public static GridAxis Create(SweepAxisKind kind, IEnumerable<string> values, Origin origin) =>
        new(kind, [.. values.Select(kind.Canonicalize).Distinct()], origin);
}
