namespace NormLayers.Lab.Training;

/// <summary>How well a classifier does on labelled samples.</summary>
/// <param name="Loss">The mean cross-entropy in nats.</param>
/// <param name="Accuracy">The share of samples whose largest logit is the label's, 0 to 1.</param>
/// <param name="Confusion">For each class of the labels, how many of its samples were predicted as each class.</param>
/// <param name="Unclassified">How many samples have no class, as a logit is not finite; they are not in the confusion.</param>
public sealed record ClassifierEvaluation(double Loss, double Accuracy, IReadOnlyList<IReadOnlyList<int>> Confusion, int Unclassified);
