using System.Globalization;

namespace NormLayers.Network;

/// <summary>Changes parameters along their gradients.</summary>
public abstract class Optimizer
{
    /// <summary>Creates an optimizer.</summary>
    /// <param name="parameters">The parameters to change, whose list is copied; frozen ones are left alone.</param>
    /// <param name="learningRate">The step length η, > 0.</param>
    /// <param name="weightDecay">λ: λ·w is added to each gradient (L2), ≥ 0.</param>
    /// <exception cref="ArgumentException">A parameter is null, or given twice.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A number out of range.</exception>
    protected Optimizer(IReadOnlyList<Parameter> parameters, double learningRate, double weightDecay)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        Throw.IfNotPositiveOrNotFinite(learningRate, nameof(learningRate));
        Throw.IfNegativeOrNotFinite(weightDecay, nameof(weightDecay));
        if (parameters.Contains(null!))
        {
            Throw.Argument(nameof(parameters), "parameters", "null among them");
        }

        HashSet<Parameter> seen = [];
        if (parameters.FirstOrDefault(p => !seen.Add(p)) is { } twice)
        {
            Throw.Argument(nameof(parameters), "each parameter once, as it would step twice", $"'{twice.Name}' twice");
        }

        Parameters = [.. parameters];
        LearningRate = learningRate;
        WeightDecay = weightDecay;
    }

    /// <summary>The parameters that are changed.</summary>
    public IReadOnlyList<Parameter> Parameters { get; }

    /// <summary>The step length η; may be changed between steps.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Set to a number that is not finite, or not greater than 0.</exception>
    public double LearningRate
    {
        get;
        set
        {
            Throw.IfNotPositiveOrNotFinite(value, nameof(value));
            field = value;
        }
    }

    /// <summary>λ: λ·w is added to each gradient.</summary>
    public double WeightDecay { get; }

    /// <summary>
    /// What further steps depend on beside the parameters: buffers and counters of each parameter, by its place among <see cref="Parameters"/>, as in
    /// <c>0.velocity</c>. The values are the optimizer's own, so that copying into them restores it.
    /// </summary>
    public virtual IReadOnlyList<NamedState> NamedState => [];

    /// <summary>One step: <b>changes</b> the value of every parameter that is not frozen, leaves the gradients alone.</summary>
    public abstract void Step();

    /// <summary>One buffer of zeros for each parameter.</summary>
    private protected static float[][] StateFor(IReadOnlyList<Parameter> parameters) => [.. parameters.Select(p => new float[p.Value.Length])];

    /// <summary>The buffers of all parameters as parts of the state.</summary>
    private protected IEnumerable<NamedState> Named(string name, float[][] buffers, bool isNotNegative = false) =>
        buffers.Select((b, i) => new NamedState(string.Create(CultureInfo.InvariantCulture, $"{i}.{name}"), Parameters[i].Shape, b) { IsNotNegative = isNotNegative });
}
