using NormLayers.Tests.Docs;
using NormLayers.Verification;

namespace NormLayers.Tests.Sabotage;

/// <summary>The library with one wrong line: <see cref="LayerCheck"/> names the layers that compute with it, and no other.</summary>
/// <remarks>The library is compiled once, with all wrong lines beside the right ones, and one of them is switched on at a time.</remarks>
[Trait("Duration", "long")]
public sealed class LayerCheckSabotageTests
{
    private const string Engines = "Normalization/";

    // The layers with sets that are contiguous, that are columns, that are planes, and that take a mask.
    private static readonly string[] s_rows = ["AdaptiveLayerNorm", "DynamicLayerNorm", "GroupNorm", "LayerNorm", "LayerNorm1D", "RmsNorm", "ScaleNorm", "WeightNorm", "WeightStandardization"];
    private static readonly string[] s_columns = ["BatchNorm", "BatchRenorm", "GhostBatchNorm", "InstanceNorm"];
    private static readonly string[] s_planes = ["BatchNorm", "BatchRenorm", "GhostBatchNorm", "GroupNorm", "InstanceNorm"];
    private static readonly string[] s_masked = ["AdaptiveLayerNorm", "BatchNorm", "BatchRenorm", "DynamicLayerNorm", "GhostBatchNorm", "GroupNorm", "InstanceNorm", "LayerNorm1D", "RmsNorm", "ScaleNorm"];

    private static readonly (string Fault, string File, string Right, string Wrong, string[] Layers)[] s_faults =
    [
        ("mean(g) left out of dx", "Normalization/SetFactors.cs", "minusScale * (meanG - (", "minusScale * (D.Create(0) - (",
            ["AdaptiveLayerNorm", "BatchNorm", "BatchRenorm", "DynamicLayerNorm", "GhostBatchNorm", "GroupNorm", "InstanceNorm", "LayerNorm", "LayerNorm1D", "WeightStandardization"]),
        ("the weights of old and new running statistics swapped", "Normalization/ChannelFactors.cs", "D.Create(1 - NewWeight) * D.Widen(in running, c) + D.Create(NewWeight) * batch", "D.Create(NewWeight) * D.Widen(in running, c) + D.Create(1 - NewWeight) * batch",
            ["BatchNorm", "BatchRenorm", "GhostBatchNorm", "InstanceNorm"]),
        ("gradients assigned, eight at a time", "Normalization/Accumulation.cs", "D.Narrow(D.Widen(in gradient, i) + D.Load(in sums, i), ref gradient, i);\n        }\n\n        for", "D.Narrow(D.Load(in sums, i), ref gradient, i);\n        }\n\n        for",
            ["DyT", "LayerNorm", "LayerNorm1D", "RmsNorm"]),
        ("the derivative as of ε under the root", "Normalization/SetFactors.cs", "? 1 / rootTimesR", "? 1 + 0 * rootTimesR", ["RmsNorm"]),
        ("the biased running variance", "BatchNorm/BatchNorm.cs", "BiasedRunningVariance ? 1 : m / (m - 1)", "1", ["BatchNorm", "GhostBatchNorm"]),
        ("dγ and dβ of all chunks but the first left out", "Normalization/ChunkNorm.cs", "Totals = totals }", "Totals = k == 0 ? totals : default }", ["GhostBatchNorm"]),
        ("no lower limit of R", "Normalization/RenormFactors.cs", "(R, 1 / limits.RMax, ", "(R, 0, ", ["BatchRenorm"]),
        ("γ left out of a group's mean(g)", "Normalization/GroupedNorm.cs", "sumG += scale * sums[p]", "sumG += sums[p]", ["GroupNorm"]),
        ("the biased running variance of instances", "InstanceNorm/InstanceNorm.cs", "return m / (m - 1);", "return 1;", ["InstanceNorm"]),
        ("gradients of scale and shift swapped", "AdaptiveLayerNorm/AdaptiveLayerNorm.cs", "DGamma = _dScale.AsSpan(0, _gradients), DBeta = _dShift.AsSpan(0, _gradients)", "DGamma = _dShift.AsSpan(0, _gradients), DBeta = _dScale.AsSpan(0, _gradients)", ["AdaptiveLayerNorm", "DynamicLayerNorm"]),
        ("the shift's part of dx left out", "DynamicLayerNorm/DynamicLayerNorm.cs", "Add(ShiftMap, x, _norm.ShiftGradient, dx);", "ShiftMap.Backward(x, _norm.ShiftGradient, default);", ["DynamicLayerNorm"]),
        ("ε left out of weights", "WeightNorm/WeightStandardization.cs", "new Epsilon(Epsilon), Statistics.Sets);", "default, Statistics.Sets);", ["WeightStandardization"]),
        ("g left out of dV", "WeightNorm/WeightNorm.cs", "\n        Tensors, default,", "\n        Tensors with { RowGamma = default }, default,", ["WeightNorm"]),
        ("the mean in place of the sum of squares", "Normalization/IStatistic.cs", "Share(int m) => 1;", "Share(int m) => 1.0 / m;", ["ScaleNorm", "WeightNorm"]),
        ("the slope of the hyperbolic tangent left out of dα", "Normalization/TanhRows.cs", "sumHX += h * x;", "sumHX += gamma * dy * x;", ["DyT"]),
        ("dx over the window of y", "Normalization/ChannelWindows.cs", "Math.Min((long)c + below", "Math.Min((long)c + above", ["LocalResponseNorm"]),
        ("the second eight of sixteen left out of a row's squares", "Normalization/RowForward.cs", "squaresLow + squaresHigh", "squaresLow + squaresLow", s_rows),
        ("the last elements of a row left out of its moments", "Normalization/RowForward.cs", "Moments<S>.Add(SingleDouble.Widen(in row, i) - new SingleDouble(block.Shift(k)), ref sum, ref squares);", "_ = i;", s_rows),
        ("β left out of a row that no float factors hold", "Normalization/RowForward.cs", "Tensors.Beta.IsEmpty ? 0 : Tensors.Beta[parameters + c]", "0", ["GroupNorm", "LayerNorm1D"]),
        ("mean(g) of a row divided by one more", "Normalization/RowBackward.cs", "D.Load(in group.Sum(k), 0) * D.Create(1.0 / Features)", "D.Load(in group.Sum(k), 0) * D.Create(1.0 / (Features + 1))", ["AdaptiveLayerNorm", "DynamicLayerNorm", "GroupNorm", "LayerNorm", "LayerNorm1D", "WeightStandardization"]),
        ("x̂ of a row left out of dγ", "Normalization/RowBackward.cs", "D.Load(in _sumDyXHat, i) + dyXHatA", "D.Load(in _sumDyXHat, i) + dyA", ["AdaptiveLayerNorm", "DynamicLayerNorm", "GroupNorm", "LayerNorm", "LayerNorm1D", "RmsNorm"]),
        ("mean(g) left out of a row that no float factors hold", "Normalization/RowBackward.cs", "new(g), new(scale), new(meanG)", "new(g), new(scale), new(0 * meanG)", ["GroupNorm", "LayerNorm1D"]),
        ("the sums of ScaleNorm's rows not added", "Normalization/RowNorm.cs", "sums[0] += sums[n];", "sums[0] = sums[n];", ["ScaleNorm"]),
        ("the second eight columns summed twice, for the first", "Normalization/ColumnSums.cs", "term.Add(i + 8, centreHigh", "term.Add(i, centreHigh", s_columns),
        ("the last columns around the first one's mean", "Normalization/ColumnSums.cs", "term.Centre<SingleDouble>(c), ref sum", "term.Centre<SingleDouble>(0), ref sum", s_columns),
        ("a plane's product not added to the other samples'", "Normalization/PlaneSums.cs", "sums[_channels + c] += product.Value;", "sums[_channels + c] = product.Value;", ["BatchNorm"]),
        ("the last elements of a plane left out", "Normalization/PlaneSums.cs", "_term.Add(i, shift, ref sum, ref product);", "_ = i;", s_planes),
        ("dy without its scale, over columns", "Normalization/Maps.cs", "L.MultiplyAdd(L.Load(in _dy, i), L.Load(in _scale, i), line)", "L.Load(in _dy, i) + line", s_columns),
        ("dy without its scale, over planes", "Normalization/Maps.cs", "L.MultiplyAdd(L.Load(in _dy, i), L.Create(_scale), line)", "L.Load(in _dy, i) + line", s_planes),
        ("no ReLU in rows", "Normalization/Maps.cs", "return TReLU.Holds ? L.WherePositive(y, y) : y;", "return y;", ["GroupNorm", "LayerNorm1D"]),
        ("x not centred in a channel's Σdy·x̂", "Normalization/Terms.cs", "dy, D.Widen(in _x, i) - centre", "dy, D.Widen(in _x, i)", s_planes),
        ("no ReLU in channels that no float factors hold", "Normalization/ChannelPass.cs", "Result[i] = Result[i] <= 0 ? 0 : Result[i];", "_ = Result[i];", ["BatchNorm", "GroupNorm"]),
        ("mean(g·x̂) of such a channel without γ", "Normalization/ChannelSets.cs", "weight * Sums[Statistics.Count + c] / ChannelElements", "Sums[Statistics.Count + c] / ChannelElements", ["BatchNorm", "GroupNorm"]),
        ("R in the place of D in dγ", "Normalization/ChannelNorm.cs", "TensorPrimitives.MultiplyAdd(sums[..C], sets.Corrections.D,", "TensorPrimitives.MultiplyAdd(sums[..C], sets.Corrections.R,", ["BatchRenorm"]),
        ("the columns of a channel not added", "Numerics/ColumnValues.cs", "sum += column;", "sum = column;", s_planes),
        ("the gradient masked by itself and not by y", "Normalization/ReLUMask.cs", "in _y[start], in _upstream[start]", "in _upstream[start], in _upstream[start]",
            ["BatchNorm", "BatchRenorm", "GhostBatchNorm", "GroupNorm", "LayerNorm1D"]),
        ("what is masked left as it was", "Normalization/Compaction.cs", "whole.Clear();", "_ = whole.Length;", s_masked),
        ("γ of the wrong columns behind a mask", "Normalization/Compaction.cs", "_kept[block.Start + i] % features", "i", ["LayerNorm1D", "RmsNorm"]),
        ("the first statistics for every block of rows", "Normalization/MaskedRows.cs", "row += block.Rows;", "row += 0;", ["AdaptiveLayerNorm", "LayerNorm1D", "RmsNorm"]),
        ("dγ of the last block of rows alone", "Normalization/MaskedRows.cs", "totals[P + parameter] += sums[", "totals[P + parameter] = sums[", ["LayerNorm1D", "RmsNorm"]),
        ("the first statistics for every block of samples", "Normalization/MaskedGroups.cs", "set += groups.Sets;", "set += 0;", ["GroupNorm", "InstanceNorm"]),
        ("the reference's mean(g·x̂) without x̂", "Normalization/NormReference.cs", "sumGXHat += g * XHat[i];", "sumGXHat += g;",
            ["AdaptiveLayerNorm", "BatchNorm", "GhostBatchNorm", "GroupNorm", "InstanceNorm", "LayerNorm", "LayerNorm1D", "RmsNorm", "ScaleNorm", "WeightNorm", "WeightStandardization"]),
    ];

    private static readonly Lazy<SwitchedLibrary> s_library = new(() => new SwitchedLibrary([.. s_faults.Select(f => (f.File, f.Right, f.Wrong))]));

    public static TheoryData<string> Faults => [.. s_faults.Select(f => f.Fault)];

    [Fact]
    public void Faults_Together_AreOfEveryLayer() => Assert.Equal(
        LayerCase.All.Select(c => c.Create().GetType().Name).Distinct().Order(StringComparer.Ordinal),
        s_faults.SelectMany(f => f.Layers).Distinct().Order(StringComparer.Ordinal));

    [Fact]
    public void Faults_Together_AreInEveryEngineWithArithmetic() => Assert.Equal(
        TagTests.FilesWithArithmetic.Order(StringComparer.Ordinal),
        s_faults.Where(f => f.File.StartsWith(Engines, StringComparison.Ordinal)).Select(f => f.File[Engines.Length..]).Distinct().Order(StringComparer.Ordinal));

    [Fact]
    public void Run_NoWrongLine_NamesNoLayer() => Assert.Empty(s_library.Value.RedLayersWithoutFault);

    [Theory]
    [MemberData(nameof(Faults))]
    public void Run_OneWrongLine_NamesTheLayersThatComputeWithIt(string fault)
    {
        int number = Array.FindIndex(s_faults, f => f.Fault == fault);
        Assert.Equal(string.Join(", ", s_faults[number].Layers), string.Join(", ", s_library.Value.RedLayers(number)));
    }
}
