namespace NormLayers.Lab.Trials;

/// <summary>All combinations of the values of some axes.</summary>
public sealed class SweepGrid
{
    /// <summary>A grid of one point, to be varied.</summary>
    /// <param name="options">What all points share.</param>
    public SweepGrid(TrialOptions options)
        : this(options, [], [new SweepPoint([], options)])
    {
    }

    /// <summary>A grid whose points are known.</summary>
    /// <param name="options">What all points share.</param>
    /// <param name="axes">The axes.</param>
    /// <param name="points">The points, the last axis varying fastest.</param>
    /// <exception cref="ArgumentException">Not as many points as the axes have combinations.</exception>
    public SweepGrid(TrialOptions options, IReadOnlyList<SweepAxis> axes, IReadOnlyList<SweepPoint> points)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(axes);
        ArgumentNullException.ThrowIfNull(points);
        double combinations = axes.Aggregate(1.0, (count, axis) => count * axis.Values.Count);
        if (points.Count != combinations)
        {
            Throw.Argument(nameof(points), FormattableString.Invariant($"{combinations} points, one for each combination"), $"{points.Count}");
        }

        (Options, Axes, Points) = (options, axes, points);
    }

    /// <summary>What all points share; what the axes vary and the seed are exchanged.</summary>
    public TrialOptions Options { get; }

    /// <summary>The axes.</summary>
    public IReadOnlyList<SweepAxis> Axes { get; }

    /// <summary>The points, the last axis varying fastest.</summary>
    public IReadOnlyList<SweepPoint> Points { get; }

    /// <summary>A grid with one axis more: each of these points with each of the values.</summary>
    /// <param name="name">The setting's name in results and reports.</param>
    /// <param name="values">The values, at least one, each once.</param>
    /// <param name="set">The options with a value: <c>(options, rate) => options with { LearningRate = rate }</c>.</param>
    /// <exception cref="ArgumentException">No value, or one given twice; an axis of that name; or <paramref name="set"/> gives null.</exception>
    public SweepGrid Vary<T>(string name, IReadOnlyList<T> values, Func<TrialOptions, T, TrialOptions> set)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(values);
        ArgumentNullException.ThrowIfNull(set);
        string[] texts = [.. values.Select(v => FormattableString.Invariant($"{v}"))];
        Comparison.CheckDistinct(texts, 1, nameof(values));
        if (Axes.Any(a => a.Name == name))
        {
            Throw.Argument(nameof(name), "a name that no axis has", $"'{name}'");
        }

        return new SweepGrid(
            Options,
            [.. Axes, new SweepAxis(name, texts)],
            [.. Points.SelectMany(p => values.Select((v, i) => new SweepPoint([.. p.Values, texts[i]], set(p.Options, v) ?? throw new ArgumentException($"Expected the options with {name} of {texts[i]}, got null.", nameof(set)))))]);
    }
}
