namespace NormLayers.Lab.Training;

/// <summary>What one training step looked like, layer by layer; <see cref="TrainingOptions.ProbeInterval"/> selects the steps.</summary>
/// <remarks>
/// Everything is of the step's own mini-batch and from before its update, but for <see cref="ParameterProbe.UpdateRatio"/>. All sums are in
/// double. A step that overflows has numbers that are not finite.
/// </remarks>
/// <param name="Step">The step, counted from 1 over the whole training.</param>
/// <param name="Epoch">The epoch, counted from 1.</param>
/// <param name="TrainingLoss">The mean cross-entropy of the mini-batch in nats, in training mode: what the step descends.</param>
/// <param name="EvaluationLoss">
/// The same of the same mini-batch in evaluation mode, with the running statistics as they were before the step. It differs where a layer
/// evaluates otherwise than it trains.
/// </param>
/// <param name="Layers">The network's layers, first to last.</param>
public sealed record ProbeRecord(long Step, int Epoch, double TrainingLoss, double EvaluationLoss, IReadOnlyList<LayerProbe> Layers);

/// <summary>The output of one layer in one training step, and the layer's parameters.</summary>
/// <param name="Layer">The layer's name.</param>
/// <param name="Mean">The mean of all output values.</param>
/// <param name="Deviation">Their standard deviation (divided by their number).</param>
/// <param name="Percentiles">Their percentiles.</param>
/// <param name="DeadShare">The share of units that are 0 for every sample, 0 to 1; null unless the layer ends in a ReLU.</param>
/// <param name="GradientRms">The root mean square of the gradient of the mean loss with respect to the output values.</param>
/// <param name="Cosine">
/// The mean cosine between the outputs of two different samples, −1 to 1; samples whose output is all 0 have no direction and are left
/// out. NaN if fewer than two have one.
/// </param>
/// <param name="Drift">
/// The batch's statistics against the running ones; null unless the layer is a <see cref="RunningLayer"/> with running statistics. A layer of your own does not
/// say what its running statistics follow.
/// </param>
/// <param name="Parameters">The layer's parameters; empty for a layer without any.</param>
public sealed record LayerProbe(
    string Layer,
    double Mean,
    double Deviation,
    Percentiles Percentiles,
    double? DeadShare,
    double GradientRms,
    double Cosine,
    StatisticsDrift? Drift,
    IReadOnlyList<ParameterProbe> Parameters);

/// <summary>Exact percentiles of a set of values, interpolated linearly between neighbours in order; NaN if a value is.</summary>
/// <param name="P5">The 5th percentile.</param>
/// <param name="P15">The 15th percentile.</param>
/// <param name="P50">The median.</param>
/// <param name="P85">The 85th percentile.</param>
/// <param name="P95">The 95th percentile.</param>
public sealed record Percentiles(double P5, double P15, double P50, double P85, double P95);

/// <summary>How far the batch's statistics are from the running ones, as they were before the step; 0 if they are the same.</summary>
/// <remarks>
/// The batch's statistics are what the layer's running ones follow: of each channel, in <see cref="InstanceNorm"/> the averages over the instances, in
/// <see cref="GhostBatchNorm"/> those over the chunks. A mask counts. NaN where a channel has one value, or none.
/// </remarks>
/// <param name="Mean">The root mean square over the channels of (μ_batch − μ_running) / √(σ²_running + ε).</param>
/// <param name="Variance">The mean over the channels of |ln((σ²_batch + ε) / (σ²_running + ε))|, both variances of the kind that the layer tracks, biased or unbiased.</param>
public sealed record StatisticsDrift(double Mean, double Variance);

/// <summary>A parameter in one training step.</summary>
/// <param name="Name">Its name within the layer.</param>
/// <param name="Norm">‖w‖, the Euclidean norm of all its values before the update.</param>
/// <param name="GradientNorm">‖g‖, that of its gradient.</param>
/// <param name="UpdateRatio">‖Δw‖ / ‖w‖ with Δw the step's update; not finite while w is 0.</param>
/// <param name="EffectiveLearningRate">
/// η / ‖w‖², which is what plain gradient descent learns with where the scale of w has no effect (van Laarhoven 2017, arXiv:1706.05350).
/// Null unless w are the weights of a <see cref="Network.Linear"/> directly in front of a normalization by the batch's or sample's own statistics.
/// </param>
public sealed record ParameterProbe(string Name, double Norm, double GradientNorm, double UpdateRatio, double? EffectiveLearningRate);
