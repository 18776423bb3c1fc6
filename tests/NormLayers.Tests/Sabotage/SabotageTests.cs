using CsCheck;
using NormLayers.Tests.Checks;
using NormLayers.Tests.Properties;
using Xunit.Sdk;
using Check = NormLayers.Tests.Checks.Check;

namespace NormLayers.Tests.Sabotage;

/// <summary>Each fault is caught by the checks that the kernels and layers pass; the references without a fault pass them all.</summary>
[Trait("Width", "any")]
public sealed class SabotageTests
{
    private static readonly Dictionary<string, Family> s_families = new Family[]
    {
        Family.LayerNorm with { Masks = true },
        Family.BatchNorm with { Masks = true },
        Family.GroupNorm(2) with { Masks = true, MasksPositions = true },
        Family.InstanceNorm with { Masks = true, MasksPositions = true },
        Family.RmsNorm with { Masks = true },
        Family.RmsNormOnePlusGamma,
        Family.RmsNormEpsilonOutside,
    }.ToDictionary(f => f.Name);

    private static readonly Lazy<Dictionary<(string Family, string Fault), string[]>> s_caughtBy = new(() => OneFault.ToDictionary(
        row => row.Data,
        row =>
        {
            Fault fault = Faults.All.Single(f => f.Name == row.Data.Item2);
            ReferenceSubject subject = new(s_families[row.Data.Item1], fault);
            return Checks.Where(c => !Passes(c, subject)).Select(c => c.Name).ToArray();
        }));

    public static TheoryData<string> Families => [.. s_families.Keys];

    public static TheoryData<string, string> OneFault
    {
        get
        {
            TheoryData<string, string> faults = [];
            foreach (Family family in s_families.Values)
            {
                foreach (Fault fault in Faults.All.Where(f => f.In(family)))
                {
                    faults.Add(family.Name, fault.Name);
                }
            }

            return faults;
        }
    }

    private static IEnumerable<Check> Checks => OrdinaryChecks.All.Concat(NormalizationProperties.All);

    [Theory]
    [MemberData(nameof(OneFault))]
    public void Checks_OneFault_CatchIt(string family, string fault)
    {
        string[] caughtBy = s_caughtBy.Value[(family, fault)];
        TestContext.Current.TestOutputHelper?.WriteLine($"{family} {fault}: caught by {string.Join(", ", caughtBy)}");
        Assert.NotEmpty(caughtBy);
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Checks_NoFault_Pass(string family)
    {
        foreach (Check check in Checks)
        {
            check.Run(new ReferenceSubject(s_families[family]));
        }
    }

    // A check that has nothing to fail on is as useless as none, and a fault that no layer can have is none.
    [Fact]
    public void EveryCheck_SomeFault_Fails()
    {
        Assert.Empty(Checks.Select(c => c.Name).Except(s_caughtBy.Value.Values.SelectMany(names => names)));
        Assert.Empty(Faults.All.Select(f => f.Name).Except(s_caughtBy.Value.Keys.Select(key => key.Fault)));
    }

    private static bool Passes(Check check, ReferenceSubject subject)
    {
        try
        {
            check.Run(subject);
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
