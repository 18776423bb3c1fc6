namespace NormLayers.Normalization;

/// <summary>Rows of which a mask leaves some elements: <see cref="RowNorm"/> on each block that is left.</summary>
/// <remarks>There are statistics of the rows that are left alone, in order. dγ and dβ of several blocks are added in double and rounded once.</remarks>
internal static class MaskedRows
{
    /// <summary>Overwrites y, and the statistics where they are kept.</summary>
    /// <typeparam name="S">The statistic.</typeparam>
    /// <param name="tensors">x, y, γ and β.</param>
    /// <param name="epsilon">ε.</param>
    /// <param name="statistics">Overwritten with each row's that is left, where not empty.</param>
    /// <param name="kept">What the mask leaves.</param>
    public static void Forward<S>(in RowTensors tensors, Epsilon epsilon, SetStatistics statistics, Compaction kept)
        where S : struct, IStatistic
    {
        Span<float> x = kept.GatherX(tensors.X);
        int row = 0;
        foreach (Compaction.Block block in kept.Blocks)
        {
            RowTensors rows = RowsOf(tensors, block, kept) with { X = x[block.Elements], Y = x[block.Elements] };
            RowNorm.Forward<S>(rows, epsilon, statistics.Count == 0 ? statistics : statistics.Slice(row, block.Rows));
            row += block.Rows;
        }

        kept.Scatter(x, tensors.Y);
    }

    /// <summary>Overwrites dx; <b>adds to</b> dγ and dβ.</summary>
    /// <typeparam name="S">The statistic.</typeparam>
    /// <param name="tensors">x and γ.</param>
    /// <param name="epsilon">ε; only its place matters.</param>
    /// <param name="statistics">Each row's that is left, from the forward pass.</param>
    /// <param name="gradients">dy, dx, dγ and dβ; with a ReLU, y.</param>
    /// <param name="kept">What the mask leaves.</param>
    public static void Backward<S>(in RowTensors tensors, Epsilon epsilon, SetStatistics statistics, in Gradients gradients, Compaction kept)
        where S : struct, IStatistic
    {
        ReadOnlySpan<float> x = kept.GatherX(tensors.X);
        Gradients left = kept.Gather(gradients);
        int P = Math.Max(gradients.DGamma.Length, gradients.DBeta.Length);
        Span<double> totals = kept.Totals(2 * P);
        int row = 0;
        foreach (Compaction.Block block in kept.Blocks)
        {
            RowTensors rows = RowsOf(tensors, block, kept) with { X = x[block.Elements] };
            Gradients part = left.Slice(block.Start, block.Rows * block.RowLength);
            Span<double> own = kept.Workspace(RowNorm.WorkspaceLength(block.Rows, block.RowLength, rowGamma: !tensors.RowGamma.IsEmpty));
            ReadOnlySpan<double> sums = RowNorm.Backward<S>(rows, epsilon, statistics.Slice(row, block.Rows), part, own);
            row += block.Rows;
            for (int i = 0; i < block.RowLength && P > 0 && tensors.RowGamma.IsEmpty; i++)
            {
                int parameter = ParametersOf(tensors, block, kept) + kept.Kept[block.Start + i] % tensors.Features;
                totals[parameter] += S.HasMean ? sums[i] : 0;
                totals[P + parameter] += sums[sums.Length - block.RowLength + i];
            }

            if (!tensors.RowGamma.IsEmpty && P > 0)
            {
                totals[P] += sums[0];
            }
        }

        Accumulation.Add(totals[..P], gradients.DBeta); // [B1]
        Accumulation.Add(totals[P..], gradients.DGamma); // [B2]
        kept.Scatter(left.Dy, gradients.Dx);
    }

    private static RowTensors RowsOf(in RowTensors tensors, Compaction.Block block, Compaction kept)
    {
        int parameters = ParametersOf(tensors, block, kept);
        return tensors with
        {
            Features = block.RowLength,
            RowsPerParameters = tensors.RowsPerParameters > 0 ? block.Rows : 0,
            Gamma = tensors.Gamma.IsEmpty ? default : kept.GammaOf(tensors.Gamma.Slice(parameters, tensors.Features), block, tensors.Features),
            Beta = tensors.Beta.IsEmpty ? default : kept.BetaOf(tensors.Beta.Slice(parameters, tensors.Features), block, tensors.Features),
        };
    }

    private static int ParametersOf(in RowTensors tensors, Compaction.Block block, Compaction kept) => tensors.ParametersOf(kept.Kept[block.Start] / tensors.Features);
}
