using NormLayers.Tests.Checks;

namespace NormLayers.Tests.Sabotage;

/// <summary>One thing that can be wrong with a normalization; each has been somebody's real bug.</summary>
/// <param name="Name">What is wrong.</param>
/// <param name="Edits">Lines of the references' source, each with its replacement.</param>
internal sealed record Fault(string Name, params (string Right, string Wrong)[] Edits)
{
    /// <summary>The normalizations in which it is a fault.</summary>
    public Func<Family, bool> In { get; init; } = _ => true;

    /// <summary>The problems for which the edited lines run; the right ones run for the others.</summary>
    public Func<Problem, bool> When { get; init; } = _ => true;

    /// <summary>As what the normalization is computed.</summary>
    public Func<Family, Problem, Family> As { get; init; } = (family, _) => family;

    /// <summary>With what it is called.</summary>
    public Func<Problem, Problem> With { get; init; } = problem => problem;

    /// <summary>Whether the running statistics are updated.</summary>
    public Func<Problem, bool> Updates { get; init; } = problem => problem.Training;

    public override string ToString() => Name;
}
