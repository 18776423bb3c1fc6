namespace NormLayers;

/// <summary>A part of what a layer or network knows, with its name: a parameter, a running statistic, or a counter.</summary>
/// <remarks>
/// All parts of <see cref="Layer.NamedState"/> together are what evaluation and further training depend on, so saving and loading them loses
/// nothing. The names are from PyTorch's state dict: γ is <c>weight</c>, β is <c>bias</c>.
/// </remarks>
public sealed class NamedState
{
    /// <summary>Creates a part of floats: a parameter or a running statistic.</summary>
    /// <param name="name">Its name within the layer: <c>running_mean</c>.</param>
    /// <param name="shape">Its shape.</param>
    /// <param name="floats">Its values, row-major; not copied, so that writing here changes the layer.</param>
    /// <exception cref="ArgumentException">As many values as the shape has are expected.</exception>
    public NamedState(string name, Shape shape, float[] floats)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(floats);
        Throw.IfLengthDiffers(floats.Length, shape, nameof(floats));
        (Name, Shape, Floats) = (name, shape, floats);
    }

    /// <summary>Creates a part of counters.</summary>
    /// <param name="name">Its name within the layer: <c>num_batches_tracked</c>.</param>
    /// <param name="counters">The numbers; not copied, so that writing here changes the layer.</param>
    public NamedState(string name, long[] counters)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(counters);
        (Name, Shape, Counters) = (name, counters.Length, counters);
    }

    /// <summary>Creates a part of doubles, for what a file holds beside a network's values.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="shape">Its shape.</param>
    /// <param name="doubles">Its values, row-major; not copied.</param>
    /// <exception cref="ArgumentException">As many values as the shape has are expected.</exception>
    public NamedState(string name, Shape shape, double[] doubles)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(doubles);
        Throw.IfLengthDiffers(doubles.Length, shape, nameof(doubles));
        (Name, Shape, Doubles) = (name, shape, doubles);
    }

    private NamedState(string name, NamedState part) =>
        (Name, Shape, Floats, Doubles, Counters, IsInStateDict, IsNotNegative) =
        (name, part.Shape, part.Floats, part.Doubles, part.Counters, part.IsInStateDict, part.IsNotNegative);

    /// <summary>The name; in a network with the layer's before it, as in <c>norm1.running_mean</c>.</summary>
    public string Name { get; }

    /// <summary>The shape of the values.</summary>
    public Shape Shape { get; }

    /// <summary>The layer's own values, row-major; null for counters and doubles.</summary>
    public float[]? Floats { get; }

    /// <summary>Values in double, row-major, which no layer has; null for floats and counters.</summary>
    public double[]? Doubles { get; }

    /// <summary>The layer's own counters; null for floats and doubles.</summary>
    public long[]? Counters { get; }

    /// <summary>
    /// Whether PyTorch's state dict has this part too; true unless set. A part that it has not, such as the count of skipped batches, is saved
    /// as metadata, so that <c>load_state_dict</c> takes the file, and is 0 after loading a file without it. Such a part has counters: metadata is text, which floats and doubles would lose bits in.
    /// </summary>
    /// <exception cref="ArgumentException">Set to false on floats or doubles.</exception>
    public bool IsInStateDict
    {
        get;
        init
        {
            if (!value && Counters is null)
            {
                Throw.Argument(nameof(value), "counters in a part outside PyTorch's state dict", $"{Type} in '{Name}'");
            }

            field = value;
        }
    } = true;

    /// <summary>Whether it is a running variance or deviation, a second moment, or a count of batches or steps: no data makes one negative.</summary>
    internal bool IsNotNegative { get; init; }

    private string Type => Floats is not null ? "floats" : Doubles is not null ? "doubles" : "counters";

    /// <summary><b>Overwrites</b> the values with the values of a part of the same name, shape and type.</summary>
    /// <param name="source">Where the values come from.</param>
    /// <exception cref="ArgumentException">Another name, shape or type, or a negative running variance, deviation, second moment or count.</exception>
    public void CopyFrom(NamedState source)
    {
        ArgumentNullException.ThrowIfNull(source);
        if (source.Name != Name || source.Shape != Shape || source.Type != Type)
        {
            Throw.Argument(nameof(source), Describe(this), Describe(source));
        }

        if (NegativeOf(source) is { } negative)
        {
            Throw.Argument(nameof(source), $"values ≥ 0 in '{Name}'", negative);
        }

        source.Floats?.CopyTo(Floats!, 0);
        source.Doubles?.CopyTo(Doubles!, 0);
        source.Counters?.CopyTo(Counters!, 0);

        static string Describe(NamedState part) => $"{part.Type} '{part.Name}' of shape {part.Shape}";
    }

    /// <summary>The first value of a part, in words, that this part cannot have; null if there is none. NaN is what a layer that accepts it has saved.</summary>
    internal string? NegativeOf(NamedState source)
    {
        int floats = IsNotNegative ? Array.FindIndex(source.Floats ?? [], v => v < 0) : -1;
        int counters = IsNotNegative ? Array.FindIndex(source.Counters ?? [], v => v < 0) : -1;
        return floats >= 0 ? FormattableString.Invariant($"{source.Floats![floats]} at position {floats}")
            : counters >= 0 ? FormattableString.Invariant($"{source.Counters![counters]} at position {counters}")
            : null;
    }

    /// <summary>The same values under the name that they have in a network.</summary>
    internal NamedState Within(string layer) => new($"{layer}.{Name}", this);

    /// <summary>What a layer without further state knows: its parameters.</summary>
    internal static NamedState From(Parameter parameter) =>
        new(parameter.Name switch { "gamma" => "weight", "beta" => "bias", _ => parameter.Name }, parameter.Shape, parameter.Value);
}
