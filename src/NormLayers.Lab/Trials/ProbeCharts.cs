using System.Globalization;
using NormLayers.Lab.Charts;
using NormLayers.Lab.Training;

namespace NormLayers.Lab.Trials;

/// <summary>What the layers looked like during a training, in charts over the steps.</summary>
internal sealed class ProbeCharts
{
    private const int MostProbes = 120;
    private const int MostCurves = 6;
    private const double UsualUpdate = 1e-3;

    private static readonly Axis _steps = new("step");

    private readonly ProbeHistory _probes;
    private readonly int[] _places;

    private ProbeCharts(ProbeHistory probes)
    {
        _probes = probes;
        _places = Thinning.Places(probes.Step.Length, MostProbes);
    }

    /// <summary>What the reader should know of all these charts.</summary>
    public static string Describe(ProbeHistory probes) =>
        $"{Phrases.Count(probes.Step.Length, "step")} of the training {(probes.Step.Length == 1 ? "was" : "were")} probed, layer by layer, each on its own mini-batch and before its update." +
        (probes.Step.Length > MostProbes ? $" The charts show {MostProbes} of them, evenly spaced; the results file has them all." : string.Empty);

    public static IEnumerable<LineChart> From(ProbeHistory probes)
    {
        ProbeCharts charts = new(probes);
        return ((LineChart?[])
        [
            charts.Gap(),
            .. charts.Activations(),
            charts.DeadUnits(),
            charts.Gradients(),
            charts.Updates(),
            charts.Norms(),
            charts.EffectiveLearningRates(),
            charts.Drift(),
            charts.Cosines(),
        ]).OfType<LineChart>();
    }

    private LineChart Gap() => new()
    {
        Title = "Training and evaluation mode",
        Words = _probes.TrainingLoss.SequenceEqual(_probes.EvaluationLoss)
            ? "The loss of each probed mini-batch in both modes: the same, as no layer of this network evaluates otherwise than it trains."
            : "The loss of each probed mini-batch in both modes: training normalizes with its own statistics, evaluation with the running ones. In the first probed step it is " +
              $"{Short(_probes.TrainingLoss[0])} and {Short(_probes.EvaluationLoss[0])}, in the last one {Short(_probes.TrainingLoss[^1])} and {Short(_probes.EvaluationLoss[^1])}. " +
              "A gap that stays says that the running statistics do not describe the batches.",
        X = _steps,
        Y = new Axis("mean cross-entropy (nats)", Log: true),
        Series = [Curve("training mode", _probes.TrainingLoss, 0), Curve("evaluation mode", _probes.EvaluationLoss, 1)],
    };

    // What enters a ReLU or leaves the network shows more than what a ReLU has cut off; of a shallow network, every layer but those is drawn.
    private IEnumerable<LineChart> Activations()
    {
        LayerProbeHistory[] shown = [.. _probes.Layers.Where(l => l.DeadShare is null)];
        if (shown.Length > MostCurves)
        {
            shown = [.. _probes.Layers.Where((_, i) => i + 1 == _probes.Layers.Count || _probes.Layers[i + 1].DeadShare is not null)];
        }

        return Thinning.Places(shown.Length, MostCurves).Select(i => Activations(shown[i]));
    }

    private LineChart Activations(LayerProbeHistory layer) => new()
    {
        Title = $"Activations of {layer.Layer}",
        Words = $"All values that {layer.Layer} puts out for the mini-batch: their median, a band with the middle 70 % (15th to 85th percentile), and the 5th and 95th percentiles. " +
            $"From the first probed step to the last, the median goes from {FromTo(layer.P50)}, the standard deviation from {FromTo(layer.Deviation)}.",
        X = _steps,
        Y = new Axis("value"),
        Series =
        [
            new Series("median, 15 % to 85 %", Drawn(_probes.Step), Drawn(layer.P50), Drawn(layer.P15), Drawn(layer.P85)),
            Curve("95 %", layer.P95, 1),
            Curve("5 %", layer.P5, 2),
        ],
    };

    private LineChart? DeadUnits() => Layers(
        "Dead units",
        l => l.DeadShare,
        new Axis("share of units") { Minimum = 0, Maximum = _probes.Layers.Any(l => l.DeadShare?.Max() > 0) ? null : 1 },
        last => $"The share of a ReLU's units that are 0 for every sample of the mini-batch, and so pass no gradient on. In the last probed step it is {last}.");

    private LineChart? Gradients() => Layers(
        "Gradients by layer",
        l => l.GradientRms,
        new Axis("root mean square", Log: true),
        last => $"The gradient of the loss with respect to each layer's output: {last} in the last probed step. On this axis, equal distances are equal factors: curves that fan out towards the first layers are gradients that vanish or explode. The loss is a mean over the mini-batch: in a shorter one, as the last of an epoch may be, each sample counts for more, and all curves jump.");

    private LineChart? Cosines() => Layers(
        "How alike the samples are",
        l => l.Cosine,
        new Axis("mean cosine of two samples") { Maximum = 1 },
        last => $"The mean cosine between the outputs for two samples of the mini-batch: 1 if all point the same way and the layers above cannot tell them apart. In the last probed step it is {last}.");

    private LineChart? Updates() => Weights(
        "Update to weight ratio",
        w => w.UpdateRatio,
        new Axis("‖Δw‖ / ‖w‖", Log: true),
        last => $"How far a step moves each weight matrix, relative to its length: {last} in the last probed step. About 1e-3, the dashed line, is a common rule of thumb: far above it the weights jump about, far below they hardly learn.",
        new Guide(UsualUpdate, "1e-3"));

    private LineChart? Norms() => Weights(
        "Length of the weights",
        w => w.Norm,
        new Axis("‖w‖"),
        last => $"The Euclidean norm of each weight matrix: {last} in the last probed step." + (_probes.Layers.Any(l => l.Parameters.Any(p => p.EffectiveLearningRate is not null))
            ? " In front of a normalization the length changes no output (in front of layer normalization, if the bias is scaled with it), and gradient descent without weight decay makes it grow."
            : string.Empty));

    private LineChart? EffectiveLearningRates() => Weights(
        "Effective learning rate",
        w => w.EffectiveLearningRate,
        new Axis("η / ‖w‖²", Log: true),
        last => $"Of weights directly in front of a normalization only the direction counts, and plain gradient descent turns it at the rate η / ‖w‖²: {last} in the last probed step. As the weights grow, it falls by itself.");

    private LineChart? Drift() => Lines(
        "Mini-batch against running statistics",
        [
            .. _probes.Layers.Where(l => l.MeanDrift is not null).SelectMany(l => ((string, double[])[])
                [($"{l.Layer}: means", l.MeanDrift!), ($"{l.Layer}: variances", l.VarianceDrift!)]),
        ],
        new Axis("drift", Log: true),
        last => $"How far the mini-batch is from the running statistics that evaluation will use: {last} in the last probed step. Means: root mean square over the channels of (batch − running mean) in running standard deviations; " +
            "variances: mean of |ln(batch / running variance)|. What remains late in training is the noise of a mini-batch.");

    // Where there are too many layers for all of them, those with weights are compared with one another.
    private LineChart? Layers(string title, Func<LayerProbeHistory, double[]?> values, Axis y, Func<string, string> words)
    {
        LayerProbeHistory[] layers = [.. _probes.Layers.Where(l => values(l) is not null)];
        LayerProbeHistory[] weighted = [.. layers.Where(l => l.Parameters.Any(IsWeight))];
        return Lines(title, [.. (layers.Length > MostCurves && weighted.Length > 0 ? weighted : layers).Select(l => (l.Layer, values(l)!))], y, words);
    }

    // Weight matrices, one a layer: gains and biases start at 1 and 0, and tell another story.
    private LineChart? Weights(string title, Func<ParameterProbeHistory, double[]?> values, Axis y, Func<string, string> words, Guide? guide = null) => Lines(
        title,
        [.. from l in _probes.Layers from p in l.Parameters where IsWeight(p) && values(p) is not null select (l.Layer, values(p)!)],
        y,
        words,
        guide);

    private LineChart? Lines(string title, IReadOnlyList<(string Name, double[] Values)> curves, Axis y, Func<string, string> words, Guide? guide = null)
    {
        if (curves.Count == 0)
        {
            return null;
        }

        (string Name, double[] Values)[] shown = [.. Thinning.Places(curves.Count, MostCurves).Select(i => curves[i])];
        string last = string.Join(", ", shown.Select(c => $"{Short(c.Values[^1])} ({c.Name})"));
        string left = shown.Length < curves.Count ? $" {shown.Length} of {curves.Count} curves are drawn; the results file has them all." : string.Empty;
        return new LineChart
        {
            Title = title,
            Words = words(last) + left,
            X = _steps,
            Y = y,
            Series = [.. shown.Select((c, i) => Curve(c.Name, c.Values, i))],
            Guide = guide,
        };
    }

    private static bool IsWeight(ParameterProbeHistory parameter) => parameter.Name == "weight";

    private Series Curve(string name, double[] values, int style) => new(name, Drawn(_probes.Step), Drawn(values)) { Style = SeriesStyle.At(style) };

    private double[] Drawn(double[] values) => [.. _places.Select(i => values[i])];

    private double[] Drawn(long[] values) => [.. _places.Select(i => (double)values[i])];

    private static string FromTo(double[] values) => $"{Short(values[0])} to {Short(values[^1])}";

    private static string Short(double value) => double.IsFinite(value) ? value.ToString("G3", CultureInfo.InvariantCulture) : "not finite";
}
