using System.Diagnostics;
using System.Numerics.Tensors;
using NormLayers.Numerics;

namespace NormLayers.Normalization;

/// <summary>Normalization of groups of neighbouring channels of each sample of (N, C, L): group and instance normalization. Stateless, no checks beyond debug assertions.</summary>
/// <remarks>
/// <para>No loop over elements of its own. A chunk of sets is first a tensor of sets, for the statistics, and then one of planes, each a channel with the statistics of
/// its set and a γ and β, for y and dx. A chunk is read from memory once and then from the cache; sets of 256 KiB and more are read twice.</para>
/// <para>γ differs within a set, so mean(g) and mean(g·x̂) are sums over its planes of γ·Σdy and γ·Σdy·x̂. A set of one plane has one γ, and is
/// <see cref="ChannelNorm"/>'s. Planes of less than sixteen elements are <see cref="RowNorm"/>'s, with γ and β for each element of a sample.</para>
/// </remarks>
internal static class GroupedNorm
{
    /// <summary>Overwrites y and the statistics.</summary>
    /// <param name="tensors">x, y, γ and β.</param>
    /// <param name="epsilon">ε.</param>
    /// <param name="statistics">Overwritten with each set's, (N·G).</param>
    /// <param name="variance">Overwritten with each set's biased variance, (N·G), unless <see cref="Groups.AreRows"/>.</param>
    /// <param name="workspace">Overwritten, <see cref="WorkspaceLength"/>.</param>
    /// <param name="kept">What a mask leaves; null for all.</param>
    public static void Forward(GroupTensors tensors, Epsilon epsilon, SetStatistics statistics, Span<double> variance, Span<double> workspace, Compaction? kept = null)
    {
        if (kept is not null)
        {
            MaskedGroups.Forward(tensors, epsilon, statistics, variance, kept);
            return;
        }

        Groups groups = tensors.Groups;
        Debug.Assert(statistics.Count >= groups.Sets && workspace.Length >= WorkspaceLength(groups), "Lengths differ.");
        Workspace rest = new(workspace);
        if (tensors.X.IsEmpty)
        {
            return;
        }

        if (groups.AreRows)
        {
            RowNorm.Forward<MeanAndVariance>(tensors.AsRows(ref rest), epsilon, statistics);
            return;
        }

        ForwardPass pass = new() { Tensors = tensors.ForChunks(ref rest), Epsilon = epsilon, Statistics = statistics, Variance = variance };
        Run(pass, groups, rest.Rest);
    }

    /// <summary>Overwrites dx; <b>adds to</b> dγ and dβ.</summary>
    /// <param name="tensors">x and γ.</param>
    /// <param name="statistics">Each set's, from the forward pass.</param>
    /// <param name="gradients">dy, dx, dγ and dβ; with a ReLU, y.</param>
    /// <param name="workspace">Overwritten, <see cref="WorkspaceLength"/>.</param>
    /// <param name="kept">What a mask leaves; null for all.</param>
    public static void Backward(GroupTensors tensors, SetStatistics statistics, Gradients gradients, Span<double> workspace, Compaction? kept = null)
    {
        if (kept is not null)
        {
            MaskedGroups.Backward(tensors, statistics, gradients, kept);
            return;
        }

        Groups groups = tensors.Groups;
        Debug.Assert(statistics.Count >= groups.Sets && workspace.Length >= WorkspaceLength(groups), "Lengths differ.");
        Workspace rest = new(workspace);
        if (tensors.X.IsEmpty)
        {
            return;
        }

        Span<double> sums;
        if (groups.AreRows)
        {
            RowTensors rows = tensors.AsRows(ref rest);
            RowNorm.Backward<MeanAndVariance>(rows, default, statistics, gradients.Slice(0, tensors.X.Length), rest.Rest);
            sums = ColumnValues.Sum(rest.Doubles(2 * groups.Channels * groups.Length), groups.Length);
        }
        else
        {
            sums = rest.Doubles(2 * groups.Planes);
            BackwardPass pass = new() { Tensors = tensors.ForChunks(ref rest), Statistics = statistics, Gradients = gradients, Sums = sums };
            Run(pass, groups, rest.Rest);
            Accumulation.Fold(sums[..groups.Planes], groups.Channels);
            Accumulation.Fold(sums[groups.Planes..], groups.Channels);
        }

        Span<double> sumDy = sums[..groups.Channels];
        Span<double> sumDyXHat = sums.Slice(sums.Length / 2, groups.Channels);
        Accumulation.Add(sumDy, gradients.DBeta); // [B1]
        Accumulation.Add(sumDyXHat, gradients.DGamma); // [B2]
        if (!gradients.Totals.IsEmpty)
        {
            TensorPrimitives.Add(gradients.Totals[..groups.Channels], sumDy, gradients.Totals);
            TensorPrimitives.Add(gradients.Totals[groups.Channels..], sumDyXHat, gradients.Totals[groups.Channels..]);
        }
    }

    /// <summary>How many doubles each method needs as workspace.</summary>
    /// <param name="groups">N, C, L and G.</param>
    public static long WorkspaceLength(Groups groups)
    {
        long columns = groups.Channels * groups.Length;
        return groups.Samples * columns == 0 ? 0
            : groups.AreRows
            ? 5 * columns + 2 + RowNorm.WorkspaceLength(groups.Sets, groups.SetElements, groups.PerSample)
            : 2L * groups.Planes + groups.SetsPerChunk * groups.Depth + 2 + groups.Parts * ChunkLength(groups);
    }

    // Factors and sums of a chunk's planes and sets.
    private static long ChunkLength(Groups groups)
    {
        Planes planes = groups.PlanesOf(groups.SetsPerChunk);
        return 13L * planes.Channels + 4L * groups.SetsPerChunk + 8 + ChannelNorm.WorkspaceLength(planes);
    }

    private static void Run<T>(T pass, Groups groups, Span<double> workspace)
        where T : struct, IChunks, allows ref struct
    {
        if (groups.AreLong)
        {
            pass.Do(0, groups.Sets, new Workspace(workspace));
            return;
        }

        InParts<T> parts = new(pass, groups, workspace);
        Kernels.Run(ref parts, groups.Parts, (long)groups.Sets * groups.SetElements);
    }

    // The values of each set's planes.
    private static SetStatistics Broadcast(SetStatistics sets, int depth, ref Workspace rest) => new(
        ColumnValues.Of<double>(sets.Mean, depth, rest.Doubles(sets.Mean.Length * depth)),
        ColumnValues.Of<double>(sets.Low, depth, rest.Doubles(sets.Low.Length * depth)),
        ColumnValues.Of<double>(sets.Rstd, depth, rest.Doubles(sets.Rstd.Length * depth)));

    /// <summary>A pass that runs chunk by chunk.</summary>
    private interface IChunks
    {
        /// <summary>Does the sets of a chunk.</summary>
        void Do(int first, int count, Workspace rest);
    }

    /// <summary>The chunks of a pass. Units are parts.</summary>
    private readonly ref struct InParts<T>(T pass, Groups groups, Span<double> workspace) : IKernel
        where T : struct, IChunks, allows ref struct
    {
        private readonly T _pass = pass;
        private readonly Groups _groups = groups;
        private readonly Span<double> _workspace = workspace;

        public void Run<L, D>(int first, int count)
            where L : struct, ILanes<L>
            where D : struct, IDoubleLanes<D>
        {
            int length = (int)ChunkLength(_groups);
            for (int part = first; part < first + count; part++)
            {
                Workspace rest = new(_workspace.Slice(part * length, length));
                int end = (int)((long)_groups.Chunks * (part + 1) / _groups.Parts);
                for (int chunk = (int)((long)_groups.Chunks * part / _groups.Parts); chunk < end; chunk++)
                {
                    (int start, int sets) = _groups.Chunk(chunk);
                    _pass.Do(start, sets, rest);
                }
            }
        }
    }

    private readonly ref struct ForwardPass : IChunks
    {
        public required GroupTensors Tensors { get; init; }

        public required Epsilon Epsilon { get; init; }

        public required SetStatistics Statistics { get; init; }

        public required Span<double> Variance { get; init; }

        public void Do(int first, int count, Workspace rest)
        {
            Groups groups = Tensors.Groups;
            int m = groups.SetElements;
            ReadOnlySpan<float> x = Tensors.X.Slice(first * m, count * m);
            SetStatistics sets = Statistics.Slice(first, count);
            Span<double> variance = Variance.Slice(first, count);
            if (groups.AreLong)
            {
                StatisticsOverPlanes(x, groups.PlanesOf(count), sets, variance, rest);
            }
            else
            {
                ChannelNorm.Statistics(x, new Planes(1, count, m), sets, variance, rest.Rest); // [F1] [F2]
            }

            SetStatistics planes = Broadcast(sets, groups.Depth, ref rest);
            variance = ColumnValues.Of<double>(variance, groups.Depth, rest.Doubles(count * groups.Depth));
            scoped ChannelPass<No> pass = new() { X = x, Result = Tensors.Y.Slice(first * m, count * m), ReLU = Tensors.ReLU };
            pass.Sets = new()
            {
                Statistics = planes,
                Gamma = Tensors.Of(Tensors.Gamma, first, count),
                Beta = Tensors.Of(Tensors.Beta, first, count),
                Variance = variance,
                Epsilon = Epsilon,
            };
            ChannelNorm.Normalize(ref pass, groups.PlanesOf(count), rest.Rest); // [F3] [F4] [F5]
            for (int s = 0; s < count; s++)
            {
                sets.Rstd[s] = planes.Rstd[s * groups.Depth];
            }
        }

        // As ChannelNorm.Statistics, from the sums of planes.
        private static void StatisticsOverPlanes(ReadOnlySpan<float> x, Planes planes, SetStatistics sets, Span<double> variance, Workspace rest)
        {
            int m = x.Length / sets.Count;
            int depth = planes.Channels / sets.Count;
            Span<float> shift = rest.Floats(sets.Count);
            for (int s = 0; s < sets.Count; s++)
            {
                shift[s] = x[s * m];
            }

            Span<float> centre = rest.Floats(planes.Channels);
            Span<double> sums = rest.Doubles(2 * planes.Channels);
            for (int attempt = 0, far = sets.Count; attempt < 2 && far > 0; attempt++)
            {
                _ = PlaneSums<MomentTerm>.Of(new(x, ColumnValues.Of<float>(shift, depth, centre)), planes, default, sums);
                ReadOnlySpan<double> reduced = ColumnValues.Sum(sums, depth);
                ChannelFactors.Moments formula = new() { Shift = shift, Sums = reduced, Share = 1.0 / m, Statistics = sets, Variance = variance }; // [F1] [F2]
                far = ChannelFactors.Run<ChannelFactors.Moments, ChannelFactors.Moments>(in formula, sets.Count);
            }
        }
    }

    private readonly ref struct BackwardPass : IChunks
    {
        public required GroupTensors Tensors { get; init; }

        public required SetStatistics Statistics { get; init; }

        public required Gradients Gradients { get; init; }

        /// <summary>Overwritten with Σdy and Σdy·x̂ of each plane, (2, N, C).</summary>
        public required Span<double> Sums { get; init; }

        public void Do(int first, int count, Workspace rest)
        {
            Groups groups = Tensors.Groups;
            int m = groups.SetElements;
            ReadOnlySpan<float> x = Tensors.X.Slice(first * m, count * m);
            ChannelSets sets = new() { Statistics = Statistics.Slice(first, count), Gamma = Tensors.Of(Tensors.Gamma, first, count) };
            Gradients gradients = Gradients.Slice(first * m, count * m);
            ReadOnlySpan<double> sums = groups.Depth == 1
                ? ChannelNorm.Backward(x, groups.PlanesOf(count), sets, gradients, rest.Rest)
                : OverPlanes(x, sets, gradients, rest);
            int P = sums.Length / 2;
            sums[..P].CopyTo(Sums[(first * groups.Depth)..]);
            sums[P..].CopyTo(Sums[(groups.Planes + first * groups.Depth)..]);
        }

        // Several planes a set.
        private ReadOnlySpan<double> OverPlanes(ReadOnlySpan<float> x, ChannelSets sets, Gradients gradients, Workspace rest)
        {
            int depth = Tensors.Groups.Depth;
            Planes planes = Tensors.Groups.PlanesOf(sets.Statistics.Count);
            SetStatistics each = Broadcast(sets.Statistics, depth, ref rest);
            Span<double> sums = rest.Doubles(2 * planes.Channels);
            _ = PlaneSums<GradientTerm>.Of(new(x, gradients.BeforeReLU, each.Mean), planes, gradients.Mask, sums); // [B1] [B2]
            scoped ChannelPass<Yes> pass = new() { X = x, Dy = gradients.BeforeReLU, Result = gradients.Dx };
            pass.Sets = new() { Statistics = each, Gamma = sets.Gamma, Sums = sums };
            _ = ChannelFactors.Run<ChannelFactors.Normalize, ChannelSets>(in pass.Sets, planes.Channels);
            if (gradients.Dx.IsEmpty)
            {
                return sums;
            }

            Span<double> sumsOfG = SumsOfG(sums, sets.Gamma, depth, rest.Doubles(2 * sets.Statistics.Count));
            Span<float> factors = rest.Floats(4 * planes.Channels);
            int special = Factors(sets, sumsOfG, factors, rest);
            pass.Sets.Sums = special == 0 ? default : ColumnValues.Of<double>(sumsOfG, depth, rest.Doubles(sums.Length));
            pass.Sets.SumsContainGamma = true;
            pass.Sets.ChannelElements = Tensors.Groups.SetElements;
            pass.Run(in planes, factors, special, rest); // [B5]
            return sums;
        }

        // sumG += gamma * sumDy [B3]; sumGXHat += gamma * sumDyXHat [B4]
        private static Span<double> SumsOfG(ReadOnlySpan<double> sums, ReadOnlySpan<float> gamma, int depth, Span<double> sumsOfG)
        {
            int P = sums.Length / 2;
            int count = sumsOfG.Length / 2;
            for (int s = 0; s < count; s++)
            {
                (double sumG, double sumGXHat) = (0, 0);
                for (int p = s * depth; p < (s + 1) * depth; p++)
                {
                    double scale = gamma.IsEmpty ? 1 : gamma[p];
                    sumG += scale * sums[p];
                    sumGXHat += scale * sums[P + p];
                }

                (sumsOfG[s], sumsOfG[count + s]) = (sumG, sumGXHat);
            }

            return sumsOfG;
        }

        // Each plane's factors of dx: its set's, with γ in the scale. Where floats do not hold them, the scale is NaN.
        private int Factors(ChannelSets sets, Span<double> sumsOfG, Span<float> factors, Workspace rest)
        {
            int count = sets.Statistics.Count;
            int depth = Tensors.Groups.Depth;
            int P = count * depth;
            Span<float> line = rest.Floats(4 * count);
            ChannelSets withoutGamma = new() { Statistics = sets.Statistics, Sums = sumsOfG, ChannelElements = Tensors.Groups.SetElements, Line = new LineFactors(line, count) };
            _ = ChannelFactors.Run<ChannelFactors.Backward, ChannelSets>(in withoutGamma, count);
            ColumnValues.Of<float>(line, depth, factors);
            Span<float> scales = factors[(3 * P)..];
            int special = 0;
            for (int p = 0; p < P; p++)
            {
                double scale = sets.Gamma.IsEmpty ? scales[p] : (double)scales[p] * sets.Gamma[p];
                bool fits = FloatRange.FitAsFactors<SingleDouble>(new(scale));
                scales[p] = fits ? (float)scale : float.NaN;
                special += fits ? 0 : 1;
            }

            return special;
        }
    }
}
