using CsCheck;
using NormLayers.Tests.Checks;
using NormLayers.Tests.Properties;
using Xunit.Sdk;
using Check = NormLayers.Tests.Checks.Check;

namespace NormLayers.Tests.Sabotage;

/// <summary>Each fault is caught by the checks that the kernels and layers pass; the same code without a fault passes them all.</summary>
public sealed class SabotageTests
{
    private static readonly Fault[] s_batchNormOnly =
    [
        Fault.LengthTakenForBatch, Fault.RunningVarianceBiased, Fault.MomentumSwapped, Fault.EvaluationUsesBatchStatistics,
        Fault.StatisticsUpdatedInEvaluation, Fault.EvaluationGradientThroughStatistics,
    ];

    private static readonly Lazy<Dictionary<(string Family, Fault Fault), string[]>> s_caughtBy = new(() => Faults().ToDictionary(
        row => row.Data,
        row => Checks.Where(c => !Passes(c, Family.Named(row.Data.Item1), row.Data.Item2)).Select(c => c.Name).ToArray()));

    private static IEnumerable<Check> Checks => OrdinaryChecks.All.Concat(NormalizationProperties.All);

    public static TheoryData<string, Fault> Faults()
    {
        TheoryData<string, Fault> faults = [];
        foreach (Family family in (Family[])[Family.LayerNorm, Family.BatchNorm])
        {
            foreach (Fault fault in Enum.GetValues<Fault>())
            {
                if (fault != Fault.None && (family == Family.BatchNorm || !s_batchNormOnly.Contains(fault)))
                {
                    faults.Add(family.Name, fault);
                }
            }
        }

        return faults;
    }

    [Theory]
    [MemberData(nameof(Faults))]
    public void Checks_OneFault_CatchIt(string family, Fault fault)
    {
        string[] caughtBy = s_caughtBy.Value[(family, fault)];
        TestContext.Current.TestOutputHelper?.WriteLine($"{family} {fault}: caught by {string.Join(", ", caughtBy)}");
        Assert.NotEmpty(caughtBy);
    }

    [Theory]
    [InlineData(nameof(Family.LayerNorm))]
    [InlineData(nameof(Family.BatchNorm))]
    public void Checks_NoFault_Pass(string family)
    {
        foreach (Check check in Checks)
        {
            check.Run(new FaultyNormalization(Family.Named(family), Fault.None));
        }
    }

    // A check that has nothing to fail on is as useless as none.
    [Fact]
    public void EveryCheck_SomeFault_Fails()
    {
        Assert.Empty(Checks.Select(c => c.Name).Except(s_caughtBy.Value.Values.SelectMany(names => names)));
    }

    private static bool Passes(Check check, Family family, Fault fault)
    {
        try
        {
            check.Run(new FaultyNormalization(family, fault));
            return true;
        }
        catch (XunitException)
        {
            return false;
        }
        catch (CsCheckException)
        {
            return false;
        }
    }
}
