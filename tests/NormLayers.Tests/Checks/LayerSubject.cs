using NormLayers.Tests.Support;

namespace NormLayers.Tests.Checks;

/// <summary>The layers; one is kept from run to run as long as its configuration fits, so that old state would show.</summary>
internal sealed class LayerSubject(Family family) : ISubject
{
    private Layer? _layer;
    private (int Channels, double Epsilon, bool Gamma, bool Beta, Momentum Momentum) _configuration;

    public Family Family => family;

    public Outcome Run(Problem problem)
    {
        Layer layer = LayerFor(problem);
        layer.Training = problem.Training;
        ((MaskableLayer)layer).Mask = !family.MasksPositions ? problem.Mask
            : problem.Mask?.Where((_, i) => i / problem.Length % problem.Channels == 0).ToArray();
        Parameter? gamma = layer.Parameters.SingleOrDefault(p => p.Name == "gamma");
        Parameter? beta = layer.Parameters.SingleOrDefault(p => p.Name == "beta");
        Set(gamma, problem.Gamma, problem.EarlierDGamma, problem.WantsParameterGradients);
        Set(beta, problem.Beta, problem.EarlierDBeta, problem.WantsParameterGradients);
        RunningStatistics? running = (layer as INormalization)?.Running;
        if (running is not null)
        {
            problem.RunningMean.CopyTo(running.Mean, 0);
            problem.RunningVariance.CopyTo(running.Variance, 0);
            running.BatchesSeen = problem.Batch - 1;
        }

        float[] y = problem.InPlace ? [.. problem.X] : Problem.Dirty(problem.X.Length);
        float[] dx = problem.InPlace ? [.. problem.Dy] : Problem.Dirty(problem.X.Length);
        layer.Forward(problem.InPlace ? y : problem.X, problem.Shape, y);
        layer.Backward(problem.X, problem.InPlace ? dx : problem.Dy, problem.WantsDx ? dx : default);
        return new Outcome
        {
            Y = Compare.Widen(y),
            Dx = problem.WantsDx ? Compare.Widen(dx) : null,
            DGamma = GradientOf(gamma, problem),
            DBeta = GradientOf(beta, problem),
            RunningMean = running is null ? null : Compare.Widen(running.Mean),
            RunningVariance = running is null ? null : Compare.Widen(running.Variance),
        };
    }

    private static void Set(Parameter? parameter, float[] value, float[] gradient, bool learns)
    {
        if (parameter is not null)
        {
            value.CopyTo(parameter.Value, 0);
            gradient.CopyTo(parameter.Gradient, 0);
            parameter.Frozen = !learns;
        }
    }

    private static double[]? GradientOf(Parameter? parameter, Problem problem)
    {
        if (parameter is null || problem.WantsParameterGradients)
        {
            return parameter is null ? null : Compare.Widen(parameter.Gradient);
        }

        Assert.Equal(parameter.Name == "gamma" ? problem.EarlierDGamma : problem.EarlierDBeta, parameter.Gradient);
        return null;
    }

    private Layer LayerFor(Problem p)
    {
        (int, double, bool, bool, Momentum) configuration = (p.Channels, p.Epsilon, p.Gamma.Length > 0, p.Beta.Length > 0, p.Momentum);
        if (_layer is null || _configuration != configuration)
        {
            _configuration = configuration;
            (bool gamma, bool beta) = (p.Gamma.Length > 0, p.Beta.Length > 0);
            _layer = family.Name == nameof(LayerNorm) ? new LayerNorm1D(p.Channels, p.Epsilon, gamma, beta)
                : family.Statistic == Statistic.RootMeanSquare ? new RmsNorm(p.Channels, p.Epsilon, gamma, family.OnePlusGamma && gamma, family.EpsilonOutsideRoot)
                : family.Name == nameof(InstanceNorm) ? new InstanceNorm(p.Channels, p.Epsilon, p.Momentum, gamma, beta)
                : family.GroupsOf is { } groups ? new GroupNorm(groups(p.Channels), p.Channels, p.Epsilon, gamma, beta)
                : new BatchNorm1D(p.Channels, p.Epsilon, p.Momentum, gamma, beta);
        }

        return _layer;
    }
}
