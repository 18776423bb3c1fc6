using NormLayers.Network;

namespace NormLayers.Lab.Training;

/// <summary>Measures one training step, and changes nothing that the training sees.</summary>
/// <remarks>
/// It is created before the step's forward pass, and finished after its update: activations and gradients are then still in the network.
/// </remarks>
internal sealed class StepProbe
{
    private readonly Sequential _network;
    private readonly double _evaluationLoss;
    private readonly float[][] _values;
    private readonly (double[] Mean, double[] Spread)?[] _running;

    /// <summary>Copies what the step will change, and evaluates the mini-batch.</summary>
    /// <param name="network">The network.</param>
    /// <param name="batch">The step's mini-batch.</param>
    /// <param name="logits">Overwritten; one row for each sample.</param>
    public StepProbe(Sequential network, in MiniBatch batch, Span<float> logits)
    {
        _network = network;
        _values = [.. network.Parameters.Select(p => (float[])p.Value.Clone())];
        _running = [.. network.Layers.Select(l => (l as RunningLayer)?.Running?.Wide())];
        using EvaluationMode evaluation = new(network);
        network.Forward(batch.Features, batch.Shape, logits);
        (_evaluationLoss, _) = SoftmaxCrossEntropy.Evaluate(logits, batch.Labels, default);
    }

    /// <summary>The record of the step.</summary>
    /// <param name="metrics">What the step saw.</param>
    /// <param name="batch">The step's mini-batch.</param>
    /// <param name="logits">The network's output in the step.</param>
    /// <param name="dLogits">The gradient of the loss with respect to it.</param>
    /// <param name="learningRate">The optimizer's step length.</param>
    public ProbeRecord Finish(in StepMetrics metrics, in MiniBatch batch, ReadOnlySpan<float> logits, ReadOnlySpan<float> dLogits, double learningRate)
    {
        IReadOnlyList<Layer> layers = _network.Layers;
        LayerProbe[] probes = new LayerProbe[layers.Count];
        ReadOnlySpan<float> input = batch.Features;
        Shape shape = batch.Shape;
        int parameter = 0;
        for (int i = 0; i < layers.Count; i++)
        {
            bool isLast = i == layers.Count - 1;
            ReadOnlySpan<float> output = isLast ? logits : _network.Activations(i);
            ReadOnlySpan<float> gradient = isLast ? dLogits : _network.ActivationGradients(i);
            (double mean, double deviation) = ActivationStatistics.Moments(output);
            bool scaleHasNoEffect = i + 1 < layers.Count && layers[i + 1] is INormalization { IgnoresInputScale: true };
            probes[i] = new LayerProbe(
                layers[i].Name,
                mean,
                deviation,
                ActivationStatistics.Percentiles(output),
                IsRectified(layers[i]) ? ActivationStatistics.DeadShare(output, batch.Count) : null,
                ActivationStatistics.Norm(gradient) / Math.Sqrt(gradient.Length),
                ActivationStatistics.MeanCosine(output, batch.Count),
                _running[i] is { } running ? Drift((RunningLayer)layers[i], input, shape, running) : null,
                [.. layers[i].Parameters.Select(p => Measure(
                    p, _values[parameter++], scaleHasNoEffect && layers[i] is Linear linear && p == linear.Weight ? learningRate : null))]);
            shape = layers[i].OutputShape(shape);
            input = output;
        }

        return new ProbeRecord(metrics.Step, metrics.Epoch, metrics.Loss, _evaluationLoss, probes);
    }

    private static bool IsRectified(Layer layer) => layer is ReLU or INormalization { HasReLU: true };

    private static ParameterProbe Measure(Parameter parameter, float[] before, double? learningRate)
    {
        double norm = ActivationStatistics.Norm(before);
        return new ParameterProbe(
            parameter.Name,
            norm,
            ActivationStatistics.Norm(parameter.Gradient),
            ActivationStatistics.Distance(parameter.Value, before) / norm,
            learningRate / (norm * norm));
    }

    private static StatisticsDrift Drift(RunningLayer layer, ReadOnlySpan<float> input, Shape shape, (double[] Mean, double[] Spread) running)
    {
        double[] x = new double[input.Length];
        for (int i = 0; i < x.Length; i++)
        {
            x[i] = input[i];
        }

        (double[] mean, double[] spread) = layer.Average(layer.ReferenceSteps(x, shape));
        (double squares, double logs) = (0, 0);
        for (int c = 0; c < mean.Length; c++)
        {
            double runningVariance = WithEpsilon(running.Spread[c]);
            double difference = mean[c] - running.Mean[c];
            squares += difference * difference / runningVariance;
            logs += Math.Abs(Numerics.Elementary.Log(WithEpsilon(spread[c]) / runningVariance));
        }

        return new StatisticsDrift(Math.Sqrt(squares / mean.Length), logs / mean.Length);

        // A deviation has ε in it.
        double WithEpsilon(double s) => layer.Running!.Deviation.Length > 0 ? s * s : s + layer.Epsilon;
    }
}
