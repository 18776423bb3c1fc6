namespace NormLayers.Normalization;

/// <summary>Groups of channels of samples of which a mask leaves some positions: <see cref="GroupedNorm"/> on each block that is left.</summary>
/// <remarks>There are statistics of the samples that are left alone, in order. dγ and dβ of several blocks are added in double and rounded once.</remarks>
internal static class MaskedGroups
{
    /// <summary>Overwrites y and the statistics.</summary>
    /// <param name="tensors">x, y, γ and β.</param>
    /// <param name="epsilon">ε.</param>
    /// <param name="statistics">Overwritten with each group's of the samples that are left.</param>
    /// <param name="variance">Overwritten with each group's biased variance, as many, unless <see cref="Groups.AreRows"/>.</param>
    /// <param name="kept">What the mask leaves.</param>
    public static void Forward(GroupTensors tensors, Epsilon epsilon, SetStatistics statistics, Span<double> variance, Compaction kept)
    {
        Span<float> x = kept.GatherX(tensors.X);
        int set = 0;
        foreach (Compaction.Block block in kept.Blocks)
        {
            Groups groups = GroupsOf(tensors, block);
            GroupTensors samples = tensors with { Groups = groups, X = x[block.Elements], Y = x[block.Elements] };
            Span<double> own = kept.Workspace(GroupedNorm.WorkspaceLength(groups));
            GroupedNorm.Forward(samples, epsilon, statistics.Slice(set, groups.Sets), variance.Slice(set, groups.Sets), own);
            set += groups.Sets;
        }

        kept.Scatter(x, tensors.Y);
    }

    /// <summary>Overwrites dx; <b>adds to</b> dγ and dβ.</summary>
    /// <param name="tensors">x and γ.</param>
    /// <param name="statistics">Each group's of the samples that are left, from the forward pass.</param>
    /// <param name="gradients">dy, dx, dγ and dβ; with a ReLU, y.</param>
    /// <param name="kept">What the mask leaves.</param>
    public static void Backward(GroupTensors tensors, SetStatistics statistics, Gradients gradients, Compaction kept)
    {
        ReadOnlySpan<float> x = kept.GatherX(tensors.X);
        Span<double> totals = kept.Totals(2 * tensors.Groups.Channels);
        Gradients left = kept.Gather(gradients);
        int set = 0;
        foreach (Compaction.Block block in kept.Blocks)
        {
            Groups groups = GroupsOf(tensors, block);
            GroupTensors samples = tensors with { Groups = groups, X = x[block.Elements] };
            Gradients part = left.Slice(block.Start, block.Rows * block.RowLength) with { Totals = totals };
            GroupedNorm.Backward(samples, statistics.Slice(set, groups.Sets), part, kept.Workspace(GroupedNorm.WorkspaceLength(groups)));
            set += groups.Sets;
        }

        Accumulation.Add(totals[..tensors.Groups.Channels], gradients.DBeta); // [B1]
        Accumulation.Add(totals[tensors.Groups.Channels..], gradients.DGamma); // [B2]
        kept.Scatter(left.Dy, gradients.Dx);
    }

    private static Groups GroupsOf(GroupTensors tensors, Compaction.Block block) =>
        new(block.Rows, tensors.Groups.Channels, block.RowLength / tensors.Groups.Channels, tensors.Groups.PerSample);
}
