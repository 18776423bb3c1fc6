using System.Buffers;
using System.Runtime.CompilerServices;
using NormLayers.Numerics;

namespace NormLayers.Network;

/// <summary>Softmax and mean cross-entropy in one: the loss of a classifier and its gradient.</summary>
/// <remarks>
/// <para>For a row z with label k: loss = ln Σⱼ exp(zⱼ − max z) − (z_k − max z), ∂loss/∂zⱼ = (softmax(z)ⱼ − [j = k]) / N. The
/// largest logit is taken out first, so that nothing overflows. Exponentials and sums are in double.</para>
/// <para>Nothing cancels where the label's probability p is near 1: the label's gradient is −(the others' probabilities)/N, not (p − 1)/N,
/// and the loss is ln(1 + the others' exponentials). Loss and gradient are within a few units of the last place of their formats for any gap of the logits.</para>
/// </remarks>
public static class SoftmaxCrossEntropy
{
    private const int BlockElements = 256;
    private const int BlockRows = 64;

    /// <summary>The mean loss over the rows, and its gradient.</summary>
    /// <param name="logits">The network's output, (N, C), not empty.</param>
    /// <param name="labels">N class indices, 0 to C − 1.</param>
    /// <param name="dLogits">Overwritten with the gradient of the mean loss, (N, C); may be the logits, but must not overlap them otherwise; empty if not wanted.</param>
    /// <returns>The mean loss in nats, and how many rows have their label as the (first) largest logit; never a row with NaN.</returns>
    /// <exception cref="ArgumentException">Lengths that do not fit, no rows, a label out of range, or memory that overlaps.</exception>
    [SkipLocalsInit]
    public static (double Loss, int Correct) Evaluate(ReadOnlySpan<float> logits, ReadOnlySpan<int> labels, Span<float> dLogits)
    {
        if (labels.IsEmpty || logits.Length % labels.Length != 0 || logits.IsEmpty)
        {
            Throw.Argument(nameof(logits), "one row of logits for each label, and at least one row", $"{logits.Length} logits for {labels.Length} labels");
        }

        if (!dLogits.IsEmpty)
        {
            Throw.IfLengthDiffers(dLogits.Length, logits.Length, nameof(dLogits));
            Throw.IfOverlapsInPart(logits, dLogits, "memory of the logits", nameof(dLogits));
            if (MemoryOverlap.Exists<float, int>(dLogits, labels))
            {
                Throw.Argument(nameof(dLogits), "memory apart from the labels'", "memory that overlaps it");
            }
        }

        int C = logits.Length / labels.Length;
        double[]? rented = C > BlockElements ? ArrayPool<double>.Shared.Rent(C) : null;
        Span<double> buffer = rented ?? stackalloc double[BlockElements];
        int blockRows = Math.Clamp(BlockElements / C, 1, BlockRows);
        double total = 0;
        int correct = 0;
        for (int first = 0; first < labels.Length; first += blockRows)
        {
            Range rows = first..Math.Min(first + blockRows, labels.Length);
            Range elements = (rows.Start.Value * C)..(rows.End.Value * C);
            Block block = new(logits[elements], labels[rows], buffer[..(elements.End.Value - elements.Start.Value)], first);
            (double loss, int hits) = block.Evaluate(1.0 / labels.Length, dLogits.IsEmpty ? default : dLogits[elements]);
            total += loss;
            correct += hits;
        }

        if (rented is not null)
        {
            ArrayPool<double>.Shared.Return(rented);
        }

        return (total / labels.Length, correct);
    }

    /// <summary>Some rows, whose exponentials are taken together.</summary>
    private readonly ref struct Block(ReadOnlySpan<float> logits, ReadOnlySpan<int> labels, Span<double> buffer, int firstRow)
    {
        private readonly ReadOnlySpan<float> _logits = logits;
        private readonly ReadOnlySpan<int> _labels = labels;
        private readonly Span<double> _buffer = buffer;
        private readonly int _firstRow = firstRow;

        [SkipLocalsInit]
        public (double Loss, int Correct) Evaluate(double weight, Span<float> gradient)
        {
            int C = _logits.Length / _labels.Length;
            (double loss, int correct) = Shift(C);
            ElementaryKernel.ExpOfNonPositive(_buffer);
            Span<double> sumsLessOne = stackalloc double[BlockRows];
            sumsLessOne = sumsLessOne[.._labels.Length];
            for (int n = 0; n < _labels.Length; n++)
            {
                Span<double> exponentials = _buffer.Slice(n * C, C);
                double ofLabel = exponentials[_labels[n]];
                exponentials[_labels[n]] = 0;
                double ofOthers = 0;
                foreach (double exponential in exponentials)
                {
                    ofOthers += exponential;
                }

                // The largest exponential is exactly 1. If it is the label's, 0 is added; if not, ofOthers is at least 1, and nothing cancels.
                sumsLessOne[n] = ofOthers + (ofLabel - 1);
                if (gradient.IsEmpty)
                {
                    continue;
                }

                double scale = weight / (ofOthers + ofLabel);
                for (int j = 0; j < C; j++)
                {
                    gradient[n * C + j] = (float)(exponentials[j] * scale);
                }

                gradient[n * C + _labels[n]] = (float)-(ofOthers * scale);
            }

            ElementaryKernel.LogOfOnePlus(sumsLessOne);
            foreach (double logarithm in sumsLessOne)
            {
                loss += logarithm;
            }

            return (loss, correct);
        }

        // Fills the buffer with z − max z. Returns Σ(max z − z_k), and the rows whose label is the (first) largest.
        private (double Margin, int Correct) Shift(int C)
        {
            double margin = 0;
            int correct = 0;
            for (int n = 0; n < _labels.Length; n++)
            {
                if ((uint)_labels[n] >= (uint)C)
                {
                    Throw.Argument("labels", $"class indices 0 to {C - 1}", $"{_labels[n]} at row {_firstRow + n}");
                }

                ReadOnlySpan<float> row = _logits.Slice(n * C, C);
                float max = row[0];
                foreach (float logit in row)
                {
                    max = MathF.Max(max, logit);
                }

                // Without branches: which logit is the largest is what no branch predictor can guess.
                int label = _labels[n];
                bool first = row[label] == max;
                Span<double> shifted = _buffer.Slice(n * C, C);
                for (int j = 0; j < row.Length; j++)
                {
                    first &= row[j] != max | j >= label;
                    shifted[j] = (double)row[j] - max;
                }

                margin -= shifted[label];
                correct += first & float.IsFinite(max) ? 1 : 0;
            }

            return (margin, correct);
        }
    }
}
