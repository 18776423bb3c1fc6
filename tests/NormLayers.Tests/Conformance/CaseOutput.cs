namespace NormLayers.Tests.Conformance;

/// <summary>One output of a case: what the outside suite says, what came, and how far they may be apart.</summary>
internal sealed record CaseOutput(string Name, double[] Expected, double[] Actual, double[] Allowed)
{
    public void Check() => Support.Compare.Within(Expected, Actual, Allowed, Name);

    /// <summary>The worst error as a share of what is allowed; where nothing is allowed, an exact value is none.</summary>
    public double WorstShare() =>
        Expected.Select((v, i) => v == Actual[i] ? 0 : Math.Abs(v - Actual[i]) / Allowed[i]).Max();
}
