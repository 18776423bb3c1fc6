using NormLayers.Numerics;

namespace NormLayers.Network;

/// <summary>Softmax and mean cross-entropy in one: the loss of a classifier and its gradient.</summary>
/// <remarks>
/// For a row z with label k: loss = ln Σⱼ exp(zⱼ − max z) − (z_k − max z), ∂loss/∂zⱼ = (softmax(z)ⱼ − [j = k]) / N. The
/// largest logit is taken out first, so that nothing overflows. Exponentials and sums are in double; the gradient keeps the
/// exponentials as floats in between.
/// </remarks>
public static class SoftmaxCrossEntropy
{
    /// <summary>The mean loss over the rows, and its gradient.</summary>
    /// <param name="logits">The network's output, (N, C), not empty.</param>
    /// <param name="labels">N class indices, 0 to C − 1.</param>
    /// <param name="dLogits">Overwritten with the gradient of the mean loss, (N, C); empty if not wanted.</param>
    /// <returns>The mean loss in nats, and how many rows have their label as the (first) largest logit; never a row with NaN.</returns>
    /// <exception cref="ArgumentException">Lengths that do not fit, no rows, or a label out of range.</exception>
    public static (double Loss, int Correct) Evaluate(ReadOnlySpan<float> logits, ReadOnlySpan<int> labels, Span<float> dLogits)
    {
        if (labels.IsEmpty || logits.Length % labels.Length != 0 || logits.IsEmpty)
        {
            Throw.Argument(nameof(logits), "one row of logits for each label, and at least one row", $"{logits.Length} logits for {labels.Length} labels");
        }

        if (!dLogits.IsEmpty)
        {
            Throw.IfLengthDiffers(dLogits.Length, logits.Length, nameof(dLogits));
        }

        int N = labels.Length;
        int C = logits.Length / N;
        double total = 0;
        int correct = 0;
        for (int n = 0; n < N; n++)
        {
            if ((uint)labels[n] >= (uint)C)
            {
                Throw.Argument(nameof(labels), $"class indices 0 to {C - 1}", $"{labels[n]} at row {n}");
            }

            ReadOnlySpan<float> row = logits.Slice(n * C, C);
            int largest = Largest(row);
            double max = row[largest];
            Span<float> gradient = dLogits.IsEmpty ? default : dLogits.Slice(n * C, C);
            double sum = 0;
            for (int j = 0; j < row.Length; j++)
            {
                double exponential = Elementary.Exp(row[j] - max);
                sum += exponential;
                if (!gradient.IsEmpty)
                {
                    gradient[j] = (float)exponential;
                }
            }

            total += Elementary.Log(sum) - (row[labels[n]] - max);
            correct += largest == labels[n] && !double.IsNaN(sum) ? 1 : 0;
            double reciprocal = 1 / sum;
            for (int j = 0; j < gradient.Length; j++)
            {
                gradient[j] = (float)((gradient[j] * reciprocal - (j == labels[n] ? 1 : 0)) / N);
            }
        }

        return (total / N, correct);
    }

    private static int Largest(ReadOnlySpan<float> row)
    {
        int largest = 0;
        for (int j = 1; j < row.Length; j++)
        {
            if (row[j] > row[largest])
            {
                largest = j;
            }
        }

        return largest;
    }
}
