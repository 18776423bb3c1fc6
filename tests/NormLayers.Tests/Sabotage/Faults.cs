using NormLayers.Tests.Checks;

namespace NormLayers.Tests.Sabotage;

/// <summary>The wrong variants: edits of <see cref="NormReference"/> and <see cref="BatchNormReference"/>, other index sets, other arguments.</summary>
internal static class Faults
{
    private const string Mean = "sum / S.Length : 0; // [F1]";
    private const string Variance = "squares / Divisor(S); // [F2]";
    private const string Output = "_y[i] = Scale(i) * XHat[i] + (Beta is null ? 0 : Beta[_parameterOf[i]]); // [F5]";
    private const string G = "double g = Scale(i) * dy[i];";
    private const string NewDx = "double[] dx = new double[dy.Length];";
    private const string MeanGTerm = " - sumG / S.Length";
    private const string XHatTerm = " - XHat[i] * sumGXHat / Divisor(S)";

    public static IReadOnlyList<Fault> All { get; } =
    [
        // The forward pass.
        new("VarianceUnbiased", (Variance, "squares / (Divisor(S) - 1);")),
        new("VarianceInOnePass", ("(x[i] - mean) * (x[i] - mean)", "x[i] * x[i]"), (Variance, "Math.Max(0, squares / S.Length - mean * mean);")) { In = Centres },
        new("EpsilonOutsideRoot") { In = f => !f.EpsilonOutsideRoot, As = (family, _) => family with { EpsilonOutsideRoot = true } },
        new("EpsilonUnderRoot") { In = f => f.EpsilonOutsideRoot, As = (family, _) => family with { EpsilonOutsideRoot = false } },
        new("EpsilonLeftOut") { With = p => p with { Epsilon = 0 } },
        new("ZeroVarianceUnguarded", ("root == 0 ? 0 : 1 / root", "1 / root")),
        new("ColumnsNormalized") { In = f => f.Name == nameof(Family.LayerNorm), As = (family, _) => family with { Sets = IndexSets.Channels } },
        new("MeanWithoutTail", ("foreach (int i in S)\n            {\n                sum +=", "foreach (int i in S[..(S.Length / 8 * 8)])\n{\nsum +=")) { In = Centres },
        new("SquaresWithoutTail", ("foreach (int i in S)\n            {\n                squares", "foreach (int i in S[..(S.Length / 8 * 8)])\n{\nsquares")),
        new("ScaleAndShiftForm", (Output, "float a = (float)(Scale(i) * Rstd[s]); _y[i] = x[i] * a + (float)((Beta is null ? 0 : Beta[_parameterOf[i]]) - Mean[s] * a);")) { In = Centres },
        new("RowPositionMatters", (Output, $"{Output}\n_y[i] = i / (shape.Length / shape[0]) % 2 == 1 ? float.BitIncrement((float)_y[i]) : _y[i];")),
        new("NonFiniteSwallowed", ("Prepare(x, shape);", "Prepare(x, shape); x = Array.ConvertAll(x, v => double.IsFinite(v) ? v : 0);")),
        new("BetaMissing", (" + (Beta is null ? 0 : Beta[_parameterOf[i]])", "")) { In = f => f.HasBeta },

        // The backward pass.
        new("MeanOfGDropped", (MeanGTerm, "")) { In = Centres },
        new("XHatTermDropped", (XHatTerm, "")),
        new("DerivativeOfEpsilonUnderRoot", ("EpsilonOutsideRoot && Variance[s] > 0 ?", "false ?")) { In = f => f.EpsilonOutsideRoot },
        new("RstdForgotten", ("? Rstd[s] * (g", "? (g"), (": Rstd[s] * g", ": g")),
        new("GammaMissingInDx", (G, "double g = dy[i];")),
        new("GammaTwiceInDx", (G, "double g = Scale(i) * Scale(i) * dy[i];")),
        new("DGammaNotCentred", ("dy[i] * XHat[i]; // [B2]", "dy[i] * (XHat[i] + Mean[s] * Rstd[s]);")) { In = Centres },
        new("ParameterGradientsAssigned", (NewDx, $"{NewDx} Array.Clear(DGamma!); Array.Clear(DBeta!);")),
        new("InputGradientAdded", (NewDx, "double[] dx = [.. dy];"), ("dx[i] = Given", "dx[i] += Given")),
        new("StaleCache", ("private double[] _y = [];", "private double[] _y = []; private static double[] s_previous = [];"),
            (NewDx, $"{NewDx} (XHat, s_previous) = (s_previous.Length == XHat.Length ? s_previous : XHat, XHat);")),
        new("GradientsZero", (NewDx, $"{NewDx} dy = new double[dy.Length];")),
        new("OutputClearedFirst") { With = p => p.InPlace ? p with { Dy = new float[p.Dy.Length] } : p },
        new("ParameterGradientsNeededForDx", (MeanGTerm, ""), (XHatTerm, "")) { When = p => !p.WantsParameterGradients },

        // Running statistics and evaluation.
        new("LengthTakenForBatch") { In = Tracks, As = (family, p) => family with { Sets = IndexSets.By((_, i) => i % p.Channels) } },
        new("RunningVarianceBiased", ("variance[c] * m / (m - 1)", "variance[c]")) { In = Tracks },
        new("MomentumSwapped") { In = Tracks, With = p => p with { Momentum = Momentum.OldWeight(p.Momentum.WeightOfBatch(p.Batch)) } },
        new("EvaluationUsesBatchStatistics", ("Given { get; init; }", "Given { get => null; init { } }")) { In = Tracks },
        new("StatisticsUpdatedInEvaluation") { In = Tracks, Updates = _ => true },
        new("EvaluationGradientThroughStatistics", ("dx[i] = Given is null", "dx[i] = true")) { In = Tracks },

        // Groups and instances.
        new("GammaPerGroup") { In = IsGroupNorm, As = (family, p) => family with { Parameters = IndexSets.By((_, i) => GroupOf(p, i)) } },
        new("GroupsInterleaved") { In = IsGroupNorm, As = (family, p) => family with { Sets = IndexSets.By((_, i) => SampleOf(p, i) * Groups + ChannelOf(p, i) % Groups) } },
        new("GroupsOverTheBatch") { In = IsGroupNorm, As = (family, p) => family with { Sets = IndexSets.By((_, i) => GroupOf(p, i)) } },
        new("GroupsForgotten") { In = IsGroupNorm, As = (family, _) => family with { Sets = IndexSets.Groups(1) } },
        new("InstancesOverTheBatch") { In = IsInstanceNorm, As = (family, _) => family with { Sets = IndexSets.Channels } },
        new("InstancesOverChannels") { In = IsInstanceNorm, As = (family, _) => family with { Sets = IndexSets.Groups(1) } },

        // Root mean square and 1 + γ.
        new("MeanTakenInRootMeanSquare") { In = f => !Centres(f), As = (family, _) => family with { Statistic = Statistic.MeanAndVariance } },
        new("SumForMeanOfSquares") { In = f => !Centres(f), As = (family, _) => family with { Statistic = Statistic.L2 } },
        new("OneAddedTwice", ("1 + (Gamma is null", "2 + (Gamma is null")) { In = f => f.OnePlusGamma },
        new("OneForgotten") { In = f => f.OnePlusGamma, As = (family, _) => family with { OnePlusGamma = false } },
        new("OneForgottenInDx", (G, "double g = (Scale(i) - 1) * dy[i];")) { In = f => f.OnePlusGamma },

        // Masks.
        new("MaskIgnored") { In = f => f.Masks, With = p => p with { Mask = null } },
        new("MaskIgnoredInM", (Mean, "sum / Divisor(S) : 0;"), ("? 1 : S.Length;", "? 1 : _y.Length / _sets.Length;")) { In = f => f.Masks },
        new("MaskIgnoredInDBeta", (NewDx, $"{NewDx} for (int i = 0; i < dy.Length; i++) {{ DBeta![_parameterOf[i]] += Mask?[i] == false ? dy[i] : 0; }}")) { In = f => f.Masks && f.HasBeta },
        new("MaskIgnoredInDx", (NewDx, "double[] dx = [.. dy];")) { In = f => f.Masks },
    ];

    private const int Groups = 2;

    private static bool Centres(Family family) => family.Statistic == Statistic.MeanAndVariance;

    private static bool Tracks(Family family) => family.HasRunningStatistics;

    private static bool IsGroupNorm(Family family) => family.Name == nameof(Family.GroupNorm);

    private static bool IsInstanceNorm(Family family) => family.Name == nameof(Family.InstanceNorm);

    private static int SampleOf(Problem p, int i) => i / (p.Channels * p.Length);

    private static int ChannelOf(Problem p, int i) => i / p.Length % p.Channels;

    private static int GroupOf(Problem p, int i) => ChannelOf(p, i) / (p.Channels / Groups);
}
