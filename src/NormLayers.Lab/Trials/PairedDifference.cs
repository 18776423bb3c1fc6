using System.Globalization;

namespace NormLayers.Lab.Trials;

/// <summary>The difference of two modes in one quantity: first minus second, over the seeds that have both.</summary>
/// <param name="Estimate">Mean and confidence interval of the differences.</param>
/// <param name="Verdict">Which mode is better.</param>
public sealed record PairedDifference(Estimate Estimate, Verdict Verdict)
{
    /// <summary>Compares two lists seed by seed; a value that is null or not finite takes its seed out.</summary>
    /// <param name="first">The first mode's value for each seed.</param>
    /// <param name="second">The second mode's, in the same order.</param>
    /// <param name="higherIsBetter">Whether it is accuracy rather than loss.</param>
    /// <exception cref="ArgumentException">The lists have other lengths.</exception>
    public static PairedDifference Of(IEnumerable<double?> first, IEnumerable<double?> second, bool higherIsBetter)
    {
        ArgumentNullException.ThrowIfNull(first);
        ArgumentNullException.ThrowIfNull(second);
        double?[] ofFirst = [.. first];
        double?[] ofSecond = [.. second];
        Throw.IfLengthDiffers(ofSecond.Length, ofFirst.Length, nameof(second));
        Estimate estimate = Estimate.Of([.. from pair in ofFirst.Zip(ofSecond)
                                            let difference = pair.First - pair.Second
                                            where difference is { } d && double.IsFinite(d)
                                            select difference.Value]);
        Verdict verdict = estimate.Count < 2 ? Verdict.Undecided
            : estimate.Mean == 0 || Math.Abs(estimate.Mean) <= estimate.HalfWidth ? Verdict.NoDifference
            : estimate.Mean > 0 == higherIsBetter ? Verdict.First
            : Verdict.Second;
        return new PairedDifference(estimate, verdict);
    }

    /// <summary>The verdict in words: <c>batchnorm better by 0.0500 ± 0.0200</c>.</summary>
    /// <param name="first">The first mode's name.</param>
    /// <param name="second">The second mode's name.</param>
    /// <param name="format">The format of the numbers.</param>
    /// <param name="factor">What the numbers are multiplied by: 100 for percent.</param>
    public string Describe(string first, string second, string format = "0.0000", double factor = 1)
    {
        string size = Number(Math.Abs(Estimate.Mean)) + " ± " + Number(Estimate.HalfWidth);
        return Verdict switch
        {
            Verdict.Undecided => string.Create(CultureInfo.InvariantCulture, $"undecided: {Estimate.Count} of the 2 seeds it takes"),
            Verdict.NoDifference => "no difference: " + size,
            Verdict.First => $"{first} better by {size}",
            _ => $"{second} better by {size}",
        };

        string Number(double value) => (factor * value).ToString(format, CultureInfo.InvariantCulture);
    }
}
