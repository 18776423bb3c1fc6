namespace NormLayers;

/// <summary>Batch renormalization in training as its page derives it: plain loops and sums in double.</summary>
/// <remarks>
/// Source: Ioffe, "Batch Renormalization", 2017, arXiv:1702.03275, Algorithm 1. The index set S of channel c is its m elements of (N, C, …),
/// <see cref="IndexSets.Channels"/>. R and D are constants of a step: difference quotients must hold them. Shapes:
/// x, dy, y and dx are (N, C, …), row-major; sets has the elements of each S; all else is (C). Tags: see README.md in this folder.
/// </remarks>
public static class BatchRenormReference
{
    /// <summary>Each channel's mean, √(variance + ε), and R within [1/R_max, R_max] and D within [−D_max, D_max] towards the running statistics.</summary>
    public static (double Mean, double Deviation, double R, double D)[] Statistics(
        double[] x, int[][] sets, double epsilon, double[] runningMean, double[] runningDeviation, (double RMax, double DMax) limits)
    {
        (double rMax, double dMax) = limits;
        return [.. sets.Select((S, c) =>
        {
            double m = S.Length;
            double mean = S.Sum(i => x[i]) / m; // [BRN-F1]
            double deviation = Math.Sqrt(S.Sum(i => (x[i] - mean) * (x[i] - mean)) / m + epsilon); // [BRN-F2]
            bool corrects = runningDeviation[c] != 0;
            double R = corrects ? Math.Clamp(deviation / runningDeviation[c], 1 / rMax, rMax) : 1; // [BRN-F3]
            double D = corrects ? Math.Clamp((mean - runningMean[c]) / runningDeviation[c], -dMax, dMax) : 0; // [BRN-F4]
            return (mean, deviation, R, D);
        })];
    }

    /// <summary>The output y.</summary>
    public static double[] Normalize(double[] x, int[][] sets, (double Mean, double Deviation, double R, double D)[] statistics, double[] gamma, double[] beta)
    {
        double[] y = new double[x.Length];
        for (int c = 0; c < sets.Length; c++)
        {
            (double mean, double deviation, double R, double D) = statistics[c];
            foreach (int i in sets[c])
            {
                double z = deviation == 0 ? 0 : (x[i] - mean) / deviation;
                double xHat = R * z + D; // [BRN-F5]
                y[i] = gamma[c] * xHat + beta[c]; // [BRN-F6]
            }
        }

        return y;
    }

    /// <summary>One step of the running statistics, <b>overwritten</b>, where a batch has the weight w. A channel without elements stays.</summary>
    public static void UpdateRunning(
        int[][] sets, (double Mean, double Deviation, double R, double D)[] statistics, double w, double[] runningMean, double[] runningDeviation)
    {
        foreach (int c in Enumerable.Range(0, sets.Length).Where(c => sets[c].Length > 0))
        {
            runningMean[c] = (1 - w) * runningMean[c] + w * statistics[c].Mean; // [BRN-F7]
            runningDeviation[c] = (1 - w) * runningDeviation[c] + w * statistics[c].Deviation; // [BRN-F8]
        }
    }

    /// <summary>The backward pass, dx: <b>adds to</b> dGamma and dBeta.</summary>
    public static double[] Backward(
        double[] x, double[] dy, int[][] sets, (double Mean, double Deviation, double R, double D)[] statistics, double[] gamma, double[] dGamma, double[] dBeta)
    {
        double[] dx = new double[x.Length];
        for (int c = 0; c < sets.Length; c++)
        {
            (int[] S, double m) = (sets[c], sets[c].Length);
            (double mean, double deviation, double R, double D) = statistics[c];
            double Z(int i) => deviation == 0 ? 0 : (x[i] - mean) / deviation;
            double G(int i) => gamma[c] * dy[i];
            dBeta[c] += S.Sum(i => dy[i]); // [BRN-B1]
            dGamma[c] += S.Sum(i => dy[i] * (R * Z(i) + D)); // [BRN-B2]
            double sumG = S.Sum(G); // [BRN-B3]
            double sumGZ = S.Sum(i => G(i) * Z(i)); // [BRN-B4]
            foreach (int i in S)
            {
                dx[i] = deviation == 0 ? 0 : R / deviation * (G(i) - sumG / m - Z(i) * sumGZ / m); // [BRN-B5]
            }
        }

        return dx;
    }
}
