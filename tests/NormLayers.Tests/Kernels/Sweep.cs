using System.Globalization;
using NormLayers.Tests.Checks;

namespace NormLayers.Tests.Kernels;

/// <summary>Verifies many problems and prints the worst error of each output in u.</summary>
internal sealed class Sweep(ISubject subject)
{
    private readonly SortedDictionary<string, double> _worst = [];

    public void Verify(Problem problem)
    {
        int m = problem.SetSize(subject.Family);

        // In a set of one element dx is 0; in one of two, 1/(1 + ε/σ²) of it cancels, so that it takes a larger ε to see it.
        Problem visible = (m <= 2 ? problem with { Epsilon = 0.1 } : problem).For(subject.Family);
        foreach ((string name, double error) in Checks.Verify.Run(subject, visible, vanishing: m == 1 ? ["dx"] : []))
        {
            _worst[name] = Math.Max(error, _worst.GetValueOrDefault(name));
        }
    }

    public void Print()
    {
        Assert.NotEmpty(_worst);
        string errors = string.Join(", ", _worst.Select(w => string.Create(CultureInfo.InvariantCulture, $"{w.Key} {w.Value:0.00}")));
        TestContext.Current.TestOutputHelper?.WriteLine($"{subject.Family}, worst error in u: {errors}");
    }
}
