using NormLayers.Cli.Bench;

namespace NormLayers.Benchmarks;

/// <summary>The first losses of a training in double: what every peer's must agree with.</summary>
internal static class StepReference
{
    public static double[] Losses(StepCase timed, StepData data, int steps)
    {
        ReferenceLayer network = timed.CreateNetwork().CreateReference()!;
        double[] losses = new double[steps];
        for (int step = 0; step < steps; step++)
        {
            double[] x = [.. data.BatchX(step).ToArray().Select(v => (double)v)];
            double[] logits = network.Forward(x, (timed.BatchSize, timed.Features));
            double[] dLogits = new double[logits.Length];
            losses[step] = Loss(logits, data.BatchLabels(step), dLogits);
            if (step == steps - 1)
            {
                break;
            }

            foreach (ReferenceParameter parameter in network.Parameters)
            {
                Array.Clear(parameter.Gradient);
            }

            network.Backward(dLogits);
            foreach (ReferenceParameter parameter in network.Parameters)
            {
                for (int i = 0; i < parameter.Value.Length; i++)
                {
                    parameter.Value[i] -= StepCase.LearningRate * parameter.Gradient[i];
                }
            }
        }

        return losses;
    }

    // The mean cross-entropy of softmax, and its gradient.
    private static double Loss(double[] logits, ReadOnlySpan<int> labels, double[] dLogits)
    {
        int classes = logits.Length / labels.Length;
        double loss = 0;
        for (int n = 0; n < labels.Length; n++)
        {
            double total = 0;
            for (int c = 0; c < classes; c++)
            {
                total += Math.Exp(logits[n * classes + c]);
            }

            loss -= (logits[n * classes + labels[n]] - Math.Log(total)) / labels.Length;
            for (int c = 0; c < classes; c++)
            {
                dLogits[n * classes + c] = (Math.Exp(logits[n * classes + c]) / total - (c == labels[n] ? 1 : 0)) / labels.Length;
            }
        }

        return loss;
    }
}
