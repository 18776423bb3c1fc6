using NormLayers.Normalization;

namespace NormLayers;

/// <content>Group and instance normalization.</content>
public static partial class Functional
{
    /// <summary>Group normalization: y = γ·(x − μ)/√(σ² + ε) + β with the statistics of C/G neighbouring channels of one sample.</summary>
    /// <param name="x">The input, row-major, of shape <paramref name="shape"/>.</param>
    /// <param name="shape">(N, C, …): the dimensions behind C are positions.</param>
    /// <param name="groups">G, ≥ 1, a divisor of C; C for instance normalization.</param>
    /// <param name="gamma">The scale γ, (C), with the 1 of a 1 + γ added; <see cref="Ones"/> for none.</param>
    /// <param name="beta">The shift β, (C); <see cref="Zeros"/> for none.</param>
    /// <param name="epsilon">ε, added to the variance under the root, ≥ 0.</param>
    /// <param name="y">Overwritten, as long as x; may be x, but must not overlap it otherwise.</param>
    /// <param name="statistics">Overwritten with the groups' statistics, (N·G), for the backward pass.</param>
    /// <param name="relu">Whether y = max(·, 0) is taken in the same pass.</param>
    /// <param name="mask">Which positions count, (N, …), as in <see cref="MaskableLayer.Mask"/>; empty for all.</param>
    /// <exception cref="ArgumentException">A shape of one dimension, channels that are no multiple of the groups, groups of one value, a length that does not fit, or spans that overlap.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="groups"/> or <paramref name="epsilon"/> out of range.</exception>
    public static void GroupNorm(
        ReadOnlySpan<float> x,
        Shape shape,
        int groups,
        ReadOnlySpan<float> gamma,
        ReadOnlySpan<float> beta,
        double epsilon,
        Span<float> y,
        NormStatistics statistics,
        bool relu = false,
        ReadOnlySpan<bool> mask = default)
    {
        CheckGroups(x, shape, groups, gamma, epsilon);
        CheckBeta(beta, shape[1]);
        ArgumentNullException.ThrowIfNull(statistics);
        CheckOutput(x, y);
        CheckApart(y, nameof(y), gamma, beta);
        GroupTensors tensors = new() { Groups = new Groups(shape, groups), X = x, Y = y, Gamma = gamma, Beta = beta, ReLU = relu };
        Compaction? kept = KeptSamples(mask, shape);
        CheckGroupSize(kept, shape, groups, nameof(GroupNorm), nameof(mask));
        SetStatistics sets = statistics.Resize(SetsOf(x, kept, shape, groups), withVariance: groups == shape[1] || (kept is null && !tensors.Groups.AreRows)).Sets;
        Span<double> workspace = _workspace.AtLeast(GroupedNorm.WorkspaceLength(tensors.Groups));
        GroupedNorm.Forward(tensors, new Epsilon(epsilon), sets, statistics.Variances, workspace, kept);
    }

    /// <summary>The backward pass of group normalization: <b>overwrites</b> <paramref name="dx"/>, and <b>adds to</b> <paramref name="dGamma"/> and <paramref name="dBeta"/>.</summary>
    /// <param name="x">The input of the forward pass, of shape <paramref name="shape"/>.</param>
    /// <param name="dy">The gradient with respect to y, as long as x.</param>
    /// <param name="shape">(N, C, …).</param>
    /// <param name="groups">G, ≥ 1, a divisor of C.</param>
    /// <param name="gamma">The scale γ, (C); <see cref="Ones"/> for none.</param>
    /// <param name="statistics">The groups' statistics, from the forward pass.</param>
    /// <param name="dx">Overwritten, as long as x; may be dy, but must not overlap it otherwise, nor x; empty if not wanted.</param>
    /// <param name="dGamma">Added to, (C); empty if not wanted.</param>
    /// <param name="dBeta">Added to, (C); empty if not wanted.</param>
    /// <param name="y">The output of a forward pass with a ReLU, which tells where it was open; dx must be wanted then. Empty without a ReLU.</param>
    /// <param name="mask">The forward pass's.</param>
    /// <exception cref="ArgumentException">As in the forward pass.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="groups"/> out of range.</exception>
    public static void GroupNormBackward(
        ReadOnlySpan<float> x,
        ReadOnlySpan<float> dy,
        Shape shape,
        int groups,
        ReadOnlySpan<float> gamma,
        NormStatistics statistics,
        Span<float> dx,
        Span<float> dGamma,
        Span<float> dBeta,
        ReadOnlySpan<float> y = default,
        ReadOnlySpan<bool> mask = default)
    {
        CheckGroups(x, shape, groups, gamma, epsilon: 0);
        Compaction? kept = KeptSamples(mask, shape);
        ArgumentNullException.ThrowIfNull(statistics);
        CheckStatistics(statistics, x.IsEmpty ? statistics.Count : SetsOf(x, kept, shape, groups));
        CheckGradients(x, y, dy, gamma, dx, dGamma, dBeta, shape[1]);
        GroupTensors tensors = new() { Groups = new Groups(shape, groups), X = x, Gamma = gamma };
        Gradients gradients = new() { Dy = dy, Dx = dx, DGamma = dGamma, DBeta = dBeta, Output = y, Masked = dx };
        GroupedNorm.Backward(tensors, statistics.Sets, gradients, _workspace.AtLeast(GroupedNorm.WorkspaceLength(tensors.Groups)), kept);
    }

    /// <summary>Checks that a group has more than one value: one is its own mean, and y would be β for every input.</summary>
    internal static void CheckGroupSize(Shape shape, int groups, string name)
    {
        if (shape.Length > 0 && shape.Length == shape[0] * groups)
        {
            Throw.Argument(nameof(shape), $"more than 1 value per group for {name}, because one is its own mean", $"shape {shape} with {groups} groups");
        }
    }

    internal static void CheckGroupSize(Compaction? kept, Shape shape, int groups, string name, string argument)
    {
        foreach (Compaction.Block block in kept is null ? [] : kept.Blocks)
        {
            if (block.RowLength == groups)
            {
                Throw.Argument(argument, $"more than 1 unmasked value per group for {name}, because one is its own mean", $"one in sample {kept!.Kept[block.Start] / (shape.Length / shape[0])}");
            }
        }
    }

    private static int SetsOf(ReadOnlySpan<float> x, Compaction? kept, Shape shape, int groups) => x.IsEmpty ? 0 : (kept?.Rows ?? shape[0]) * groups;

    private static void CheckGroups(ReadOnlySpan<float> x, Shape shape, int groups, ReadOnlySpan<float> gamma, double epsilon)
    {
        CheckChannels(x, shape, gamma, epsilon);
        Throw.IfNotInGroups(groups, shape[1]);
        CheckGroupSize(shape, groups, nameof(GroupNorm));
    }
}
