namespace NormLayers.Lab.Experiments;

/// <summary>A published claim that this machine can run and judge.</summary>
public interface IExperiment
{
    /// <summary>Its name, as in <c>init-gradients</c>.</summary>
    string Name { get; }

    /// <summary>The paper and where in it the claim is.</summary>
    string Paper { get; }

    /// <summary>The claim, in a sentence.</summary>
    string Claim { get; }

    /// <summary>Seconds at the default length on two cores, as an order of magnitude; on MNIST where it uses images.</summary>
    double Cost { get; }

    /// <summary>Whether the paper's own setting is run, not only the mechanism of its claim.</summary>
    bool Exact { get; }

    /// <summary>Whether it trains on images; <see cref="ExperimentContext.Images"/> has them then.</summary>
    bool UsesImages => FewestImages > 0;

    /// <summary>The fewest images to train on that fill what it takes at once; 0 if it uses none.</summary>
    int FewestImages => 0;

    /// <summary>Runs it and judges the claim.</summary>
    /// <param name="context">What it is run with.</param>
    /// <exception cref="OperationCanceledException">It was asked to stop before it could be judged; see <see cref="ExperimentResult.Stopped"/>.</exception>
    /// <exception cref="Data.DataFormatException">The images cannot show the claim.</exception>
    ExperimentResult Run(ExperimentContext context);
}
