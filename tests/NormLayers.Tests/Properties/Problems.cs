using CsCheck;
using NormLayers.Tests.Checks;

namespace NormLayers.Tests.Properties;

/// <summary>Random small problems whose numbers are multiples of 1/16, so that shifting, scaling and adding them is exact in float.</summary>
internal static class Problems
{
    public static Gen<Problem> Of(Family family, bool training = true) =>
        from epsilon in Gen.OneOf(0.0, 1e-5, 0.1, 3)
        from problem in Of(family, epsilon, training)
        select problem;

    public static Gen<Problem> Of(Family family, double epsilon, bool training = true) =>
        from n in Gen.Int[2, 7]
        from c in family.Spatial ? Gen.Int[1, 3].Select(half => 2 * half) : Gen.Int[2, 9]
        from l in family.Spatial ? Gen.Int[2, 6] : Gen.Int[1, family.HasRunningStatistics ? 3 : 1]
        from x in Sixteenths(n * c * l, 256)
        from dy in Sixteenths(n * c * l, 64)
        from gamma in Sixteenths(c, 32)
        from beta in Sixteenths(c, 16)
        from runningMean in Sixteenths(c, 64)
        from runningVariance in Sixteenths(c, 64)
        select (new Problem
        {
            Rows = n,
            Channels = c,
            Length = l,
            X = x,
            Dy = dy,
            Gamma = gamma,
            Beta = beta,
            Epsilon = epsilon,
            Training = training,
            EarlierDGamma = new float[c],
            EarlierDBeta = new float[c],
            RunningMean = runningMean,
            RunningVariance = Array.ConvertAll(runningVariance, v => v * v + 0.0625f),
        }).For(family);

    /// <summary>An array of multiples of 1/16 from −<paramref name="most"/>/16 to <paramref name="most"/>/16.</summary>
    public static Gen<float[]> Sixteenths(int length, int most) => Gen.Int[-most, most].Select(i => i / 16f).Array[length];

    /// <summary>Runs a property on random problems; a failure is shrunk and names the seed that replays it.</summary>
    public static void Hold<T>(this Gen<T> cases, Action<T> property) => cases.Sample(property, threads: 1);
}
