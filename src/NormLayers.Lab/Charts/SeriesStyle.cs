using NormLayers.Network;

namespace NormLayers.Lab.Charts;

/// <summary>How a series is told from the others: with any colour vision, and in print without colour.</summary>
/// <param name="Color">A colour of Okabe and Ito (2008), or gray for their black on dark pages, as #RRGGBB.</param>
/// <param name="Dash">The dashes, by Plotly's name or as lengths of lines and gaps.</param>
/// <param name="Marker">The marker, by Plotly's name.</param>
public sealed record SeriesStyle(string Color, string Dash, string Marker)
{
    /// <summary>Blue: solid, circles.</summary>
    public static SeriesStyle Blue { get; } = new("#0072B2", "solid", "circle");

    /// <summary>Vermillion: dashed, squares.</summary>
    public static SeriesStyle Vermillion { get; } = new("#D55E00", "dash", "square");

    /// <summary>Green: dashes and dots, diamonds.</summary>
    public static SeriesStyle Green { get; } = new("#009E73", "dashdot", "diamond");

    /// <summary>Purple: dotted, triangles.</summary>
    public static SeriesStyle Purple { get; } = new("#CC79A7", "dot", "triangle-up");

    /// <summary>Orange: long dashes, plus signs.</summary>
    public static SeriesStyle Orange { get; } = new("#E69F00", "longdash", "cross");

    /// <summary>Sky blue: long dashes and dots, crosses.</summary>
    public static SeriesStyle SkyBlue { get; } = new("#56B4E9", "longdashdot", "x");

    /// <summary>Gray: a dash and two dots, stars.</summary>
    public static SeriesStyle Gray { get; } = new("#7A828C", "9px,3px,3px,3px,3px,3px", "star");

    // The modes of the first pictures keep their colours; others follow.
    private static readonly List<NormalizationKind> _modes =
        [.. ((NormalizationKind[])[NormalizationKind.BatchNorm, NormalizationKind.None]).Union(NormalizationKind.All)];

    // Seven colours; the second seven styles, and the third, have them in another order and with another's dashes and marker.
    private static readonly SeriesStyle[] _all =
        [.. from turn in Enumerable.Range(0, 3) from i in Enumerable.Range(0, 7) select Basic(i + (4 * turn)) with { Dash = Basic(i + (3 * turn)).Dash, Marker = Basic(i + (3 * turn)).Marker }];

    /// <summary>The style of the series at a place, ≥ 0; from the 22nd on they come again.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Below 0.</exception>
    public static SeriesStyle At(int index) => _all[Throw.IfBelow(index, 0, nameof(index)) % _all.Length];

    /// <summary>The style that a mode has in every picture.</summary>
    public static SeriesStyle Of(NormalizationKind mode) => At(_modes.IndexOf(mode) is var place and >= 0 ? place : _modes.Count);

    private static SeriesStyle Basic(int index) => (index % 7) switch
    {
        0 => Blue,
        1 => Vermillion,
        2 => Green,
        3 => Purple,
        4 => Orange,
        5 => SkyBlue,
        _ => Gray,
    };
}
