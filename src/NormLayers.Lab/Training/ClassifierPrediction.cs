namespace NormLayers.Lab.Training;

/// <summary>What a classifier takes samples for.</summary>
/// <param name="Classes">For each sample the class with the (first) largest logit; −1 where a logit is not finite.</param>
/// <param name="Probabilities">The softmax of the logits, (N, C) row-major; NaN in rows whose class is −1.</param>
public sealed record ClassifierPrediction(IReadOnlyList<int> Classes, IReadOnlyList<float> Probabilities);
