using System.Globalization;
using NormLayers.Network;

namespace NormLayers.Cli.Bench;

/// <summary>One training step to time: forward, cross-entropy, backward, plain SGD.</summary>
/// <param name="Widths">The network's widths from the features to the classes.</param>
/// <param name="BatchSize">The samples of a mini-batch.</param>
/// <param name="Normalization">The normalization after each hidden linear layer.</param>
internal sealed record StepCase(IReadOnlyList<int> Widths, int BatchSize, NormalizationKind Normalization)
{
    public const double LearningRate = 0.05;

    /// <summary>The network of the default configuration, once a mode that takes features.</summary>
    public static IEnumerable<StepCase> Defaults => NormalizationKind.All.Where(mode => !mode.NeedsPositions).Select(mode => new StepCase([20, 32, 3], 32, mode));

    public int Features => Widths[0];

    public int Classes => Widths[^1];

    public string ModeName => Normalization.Name;

    public string NetworkName =>
        string.Join('-', Widths.Select(w => w.ToString(CultureInfo.InvariantCulture))) + string.Create(CultureInfo.InvariantCulture, $" batch {BatchSize}");

    public Sequential CreateNetwork() => Mlp.Create(new MlpOptions
    {
        InputFeatures = Features,
        HiddenFeatures = [.. Widths.Skip(1).SkipLast(1)],
        Classes = Classes,
        Normalization = Normalization,
    });

    public override string ToString() => $"step {NetworkName} {ModeName}";
}
