namespace NormLayers.Verification;

/// <content>The same check of a layer or a loop of one's own that normalizes rows.</content>
public static partial class AccuracyCheck
{
    /// <summary>Measures a layer of one's own that normalizes rows, forward and backward, on the same data and against the same bounds.</summary>
    /// <remarks>The data are as in <see cref="Run(ulong, CancellationToken)"/>: matrices (3, C) with C of 1 to 4096, and of a million rows. Layers run on several threads at once.</remarks>
    /// <param name="create">Makes a layer for rows of C elements and an ε, which is added under the root. Its first parameter, if it has one, is γ, and its second β, of C elements each.</param>
    /// <param name="statistic">What is subtracted and what is divided by.</param>
    /// <param name="seed">The seed of the data.</param>
    /// <returns>A row for each kind of data and output.</returns>
    /// <exception cref="ArgumentException">A layer is null, takes no (3, C) or gives another shape for it, or its γ or β does not have C elements.</exception>
    /// <exception cref="ArgumentNullException"><paramref name="create"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="statistic"/> is undefined.</exception>
    public static IReadOnlyList<AccuracyRow> Of(Func<int, double, Layer> create, Statistic statistic = Statistic.MeanAndVariance, ulong seed = 1)
    {
        ArgumentNullException.ThrowIfNull(create);
        Layer any = Created(create, 1, HostileData.All[0].Epsilon);
        return Run([Yours(any.Name, (width, epsilon) => Created(create, width, epsilon), statistic) with { HasGamma = any.Parameters.Count > 0, HasBeta = any.Parameters.Count > 1 }], seed, CancellationToken.None);
    }

    /// <summary>Measures y of a loop of one's own that normalizes rows, without a backward pass, on the same data and against the same bound.</summary>
    /// <remarks>The data are as in <see cref="Run(ulong, CancellationToken)"/>: matrices (3, C) with C of 1 to 4096.</remarks>
    /// <param name="name">What the rows are to call it.</param>
    /// <param name="forward">
    /// y of x (N, C), γ (C), β (C) and ε, which is added under the root; called on several threads at once.
    /// β is 0 throughout unless <paramref name="statistic"/> has a mean.
    /// </param>
    /// <param name="statistic">What is subtracted and what is divided by.</param>
    /// <param name="seed">The seed of the data.</param>
    /// <returns>A row for each kind of data.</returns>
    /// <exception cref="ArgumentException">y is null, or its length is not x's.</exception>
    /// <exception cref="ArgumentNullException"><paramref name="name"/> or <paramref name="forward"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="statistic"/> is undefined.</exception>
    public static IReadOnlyList<AccuracyRow> Of(
        string name, Func<float[], float[], float[], double, float[]> forward, Statistic statistic = Statistic.MeanAndVariance, ulong seed = 1)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(forward);
        Subject subject = Yours(name, (_, epsilon) => new Forward(epsilon, forward), statistic) with
        {
            HasBeta = statistic == Statistic.MeanAndVariance,
            Run = (layer, _, x, _, gamma, beta) => new(((Forward)layer).Run(x, gamma, beta), null, null, null),
            ManyRowsOf = 0, // What many rows add are terms of parameter gradients.
        };
        return Run([subject], seed, CancellationToken.None);
    }

    private static Layer Created(Func<int, double, Layer> create, int width, double epsilon)
    {
        Layer layer = create(width, epsilon) ?? throw new ArgumentException($"Expected a layer for rows of {width} elements, got null.", nameof(create));
        Throw.IfNoParameters(layer, nameof(create));
        Shape rows = (FewSets, width);
        Shape shape = Throw.IfRefused(layer, rows, $"a layer for rows of {width} elements", layer.Name, nameof(create));
        if (shape != rows)
        {
            Throw.Argument(nameof(create), $"a layer that normalizes rows, whose output has the input's shape {rows}", $"{shape}");
        }

        foreach (Parameter parameter in layer.Parameters.Take(2).Where(p => p.Value.Length != width))
        {
            Throw.Argument(nameof(create), $"{width} elements in '{parameter.Name}' of a layer for rows of {width}", $"{parameter.Value.Length}");
        }

        return layer;
    }

    private static Subject Yours(string name, Func<int, double, Layer> create, Statistic statistic)
    {
        Throw.IfUndefined(statistic, nameof(statistic));
        (double y, double dx) = statistic switch { Statistic.MeanAndVariance => (4.5, 8.5), Statistic.RootMeanSquare => (2.5, 4.5), _ => (1.5, 3.5) };
        return new(name, IndexSets.Rows(), IndexSets.Columns(), size => [(FewSets, size)], (shape, epsilon) => create(shape.Last, epsilon), y, dx) { Statistic = statistic };
    }

    // A function in a layer's place.
    private sealed class Forward(double epsilon, Func<float[], float[], float[], double, float[]> forward) : Layer("forward")
    {
        public override Shape OutputShape(Shape shape) => shape;

        public float[] Run(float[] x, float[] gamma, float[] beta)
        {
            float[]? y = forward([.. x], gamma, beta, epsilon);
            if (y?.Length != x.Length)
            {
                Throw.Argument(nameof(forward), $"{x.Length} elements", y is null ? "null" : $"{y.Length}");
            }

            return y;
        }

        protected override void ForwardCore(ReadOnlySpan<float> x, Shape shape, Span<float> y) => throw new NotSupportedException();

        protected override void BackwardCore(ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Shape shape, Span<float> dx) => throw new NotSupportedException();
    }
}
