using System.Numerics.Tensors;
using NormLayers.Normalization;
using NormLayers.Numerics;

namespace NormLayers;

/// <summary>Normalization as plain functions, forward and backward: no layer and no state.</summary>
/// <remarks>
/// The same kernels as the layers', so the same bits and the same accuracy. For inference, and for engines with buffers of their own.
/// A γ or β that is not there is said by name, <see cref="Ones"/> or <see cref="Zeros"/>: an empty span is refused, since a null array becomes one.
/// What is written may share memory with nothing else that is given, but where a function says so.
/// What a function needs as workspace each thread keeps for the next call; beyond a thread's largest call nothing is allocated.
/// </remarks>
public static partial class Functional
{
    [ThreadStatic]
    private static AlignedBuffer _workspace;

    [ThreadStatic]
    private static AlignedBuffer _scale;

    // What x̂ is multiplied by: γ, or 1 + γ with the bits of a layer.
    private static ReadOnlySpan<float> ScaleOf(ReadOnlySpan<float> gamma, bool onePlusGamma)
    {
        if (!onePlusGamma)
        {
            return gamma;
        }

        if (gamma.IsEmpty)
        {
            Throw.Argument(nameof(onePlusGamma), "a γ", "Functional.Ones");
        }

        Span<float> scale = _scale.FloatsAtLeast(gamma.Length);
        TensorPrimitives.Add(gamma, 1, scale);
        return scale;
    }

    // What layer, RMS normalization and ScaleNorm of rows share; x, features, γ, β and ε have been checked.
    private static void Rows<S>(RowTensors tensors, Epsilon epsilon, NormStatistics? statistics, ReadOnlySpan<bool> mask)
        where S : struct, IStatistic
    {
        CheckOutput(tensors.X, tensors.Y);
        CheckApart(tensors.Y, "y", tensors.Gamma, tensors.Beta);
        Compaction? kept = KeptRows(mask, tensors.X.Length, tensors.Features, tensors.RowsPerParameters);
        RowNorm.Forward<S>(tensors, epsilon, RowsOf(statistics, kept?.Rows ?? tensors.Rows), kept);
    }

    private static void RowsBackward<S>(RowTensors tensors, Epsilon epsilon, NormStatistics statistics, Gradients gradients, ReadOnlySpan<bool> mask)
        where S : struct, IStatistic
    {
        bool rowGamma = !tensors.RowGamma.IsEmpty;
        Compaction? kept = KeptRows(mask, tensors.X.Length, tensors.Features);
        CheckStatistics(statistics, kept?.Rows ?? tensors.Rows);
        CheckGradients(
            tensors.X, gradients.Output, gradients.Dy, tensors.Gamma, gradients.Dx, gradients.DGamma, gradients.DBeta, rowGamma ? 1 : tensors.Features,
            "gamma", rowGamma ? "dG" : "dGamma", "dBeta");
        Span<double> workspace = _workspace.AtLeast(RowNorm.WorkspaceLength(tensors.Rows, tensors.Features, rowGamma: rowGamma));
        RowNorm.Backward<S>(tensors, epsilon, statistics.Sets, gradients, workspace, kept);
    }

    private static SetStatistics RowsOf(NormStatistics? statistics, int rows) => statistics is null ? default : statistics.Resize(rows).Sets;
}
