using System.Buffers;
using System.Numerics.Tensors;
using NormLayers;
using NormLayers.Network;
using NormLayers.Numerics;

/// <summary>
/// all-MiniLM-L6-v2, a sentence encoder: embeddings, then blocks of attention and a network of two layers, each with its residual and its layer
/// normalization; the sentence's vector is the mean over its tokens, scaled to length 1.
/// </summary>
/// <remarks>
/// <para>The bits of a sentence's vector depend on no other sentence, padding, thread or vector width: each function of the library promises that
/// for its rows, and a masked place has weight e^−∞ = 0.</para>
/// <para>Weights are packed once and never change: any number of threads may embed at once.</para>
/// </remarks>
internal sealed class MiniLm
{
    private const int Features = MiniLmWeights.Features;
    private const int HeadFeatures = MiniLmWeights.HeadFeatures;
    private const int Stride = 3 * Features;

    private readonly MiniLmWeights _weights;
    private readonly PackedBlock[] _blocks;

    /// <summary>Packs the weights.</summary>
    public MiniLm(MiniLmWeights weights)
    {
        _weights = weights;
        _blocks = [.. weights.Blocks.Select(b => new PackedBlock(Join(b.QueryKeyValue), Pack(b.Attention), b.AttentionNorm, Pack(b.Inner), Pack(b.Outer), b.OuterNorm))];
    }

    /// <summary>The vectors of sentences.</summary>
    /// <param name="sentences">One or more: the numbers of their tokens, [CLS] first and [SEP] last; at most <see cref="MiniLmWeights.MostTokens"/>.</param>
    /// <param name="padTo">Rows that a sentence takes at least, those behind its end masked: only to show that they change nothing.</param>
    /// <returns>A vector of 384 numbers each, of length 1.</returns>
    public float[][] Embed(IReadOnlyList<int[]> sentences, int padTo = 0) => Run(sentences, padTo, Mean);

    /// <summary>The last layer's output for the tokens of one sentence, (tokens, 384).</summary>
    public float[] Encode(int[] tokens) => Run([tokens], 0, rows => rows.ToArray())[0];

    // A sentence's result is a function of the last layer's output for its tokens.
    private float[][] Run(IReadOnlyList<int[]> sentences, int padTo, Func<ReadOnlySpan<float>, float[]> resultOf)
    {
        Rows[] rows = Lay(sentences, padTo);
        int count = rows.Sum(r => r.Length);
        float[][] rented = [Rent(Features), Rent(Features), Rent(Stride), Rent(_weights.Blocks[0].Inner.Bias.Length)];
        Span<float> x = Used(0, Features);
        Span<float> y = Used(1, Features);
        Span<float> joined = Used(2, Stride);
        Span<float> projected = Used(2, Features);
        Span<float> inner = Used(3, _weights.Blocks[0].Inner.Bias.Length);
        Gelu gelu = new();
        AddEmbeddings(sentences, rows, y);
        Functional.LayerNorm(y, Features, _weights.Norm.Gamma!.Value, _weights.Norm.Beta!.Value, _weights.Norm.Epsilon, x);
        foreach (PackedBlock block in _blocks)
        {
            block.QueryKeyValue.Multiply(x, joined);
            Attend(rented[2], rows, rented[1]);
            block.Attention.Multiply(y, projected);
            AddNormalized(projected, x, block.AttentionNorm, y);
            block.Inner.Multiply(y, inner);
            gelu.Forward(inner, (count, inner.Length / count), inner);
            block.Outer.Multiply(inner, projected);
            AddNormalized(projected, y, block.OuterNorm, x);
        }

        float[][] results = new float[rows.Length][];
        for (int i = 0; i < rows.Length; i++)
        {
            results[i] = resultOf(x.Slice(rows[i].First * Features, rows[i].Tokens * Features));
        }

        Array.ForEach(rented, r => ArrayPool<float>.Shared.Return(r));
        return results;

        float[] Rent(int columns) => ArrayPool<float>.Shared.Rent(count * columns);

        Span<float> Used(int buffer, int columns) => rented[buffer].AsSpan(0, count * columns);
    }

    private static Rows[] Lay(IReadOnlyList<int[]> sentences, int padTo)
    {
        Rows[] rows = new Rows[sentences.Count];
        int first = 0;
        for (int i = 0; i < rows.Length; i++)
        {
            rows[i] = new Rows(first, sentences[i].Length, Math.Max(sentences[i].Length, padTo));
            first += rows[i].Length;
        }

        return rows;
    }

    // Words, token types (there is one sentence, of type 0) and positions.
    private void AddEmbeddings(IReadOnlyList<int[]> sentences, Rows[] rows, Span<float> x)
    {
        for (int i = 0; i < rows.Length; i++)
        {
            for (int t = 0; t < rows[i].Length; t++)
            {
                int word = t < sentences[i].Length ? sentences[i][t] : 0;
                Span<float> row = x.Slice((rows[i].First + t) * Features, Features);
                TensorPrimitives.Add(_weights.Words.AsSpan(word * Features, Features), _weights.TokenTypes.AsSpan(0, Features), row);
                TensorPrimitives.Add(row, _weights.Positions.AsSpan(t * Features, Features), row);
            }
        }
    }

    // softmax(Q·Kᵀ/√32)·V of each sentence and head. Queries, keys and values lie side by side in a row.
    private static void Attend(float[] joined, Rows[] rows, float[] y)
    {
        Threads.For(rows.Length * MiniLmWeights.Heads, AttendHead);

        void AttendHead(int item)
        {
            Rows sentence = rows[item / MiniLmWeights.Heads];
            int n = sentence.Length;
            int column = item % MiniLmWeights.Heads * HeadFeatures;
            float[] buffer = ArrayPool<float>.Shared.Rent(n * n);
            Span<float> scores = buffer.AsSpan(0, n * n);
            MatrixProduct.Multiply(View(0), View(Features).Transpose(), scores);
            TensorPrimitives.Divide(scores, MathF.Sqrt(HeadFeatures), scores);
            for (int t = 0; t < n && sentence.Tokens < n; t++)
            {
                scores.Slice(t * n + sentence.Tokens, n - sentence.Tokens).Fill(float.NegativeInfinity);
            }

            Softmax.Rows(scores, n, scores);
            MatrixProduct.Multiply(new MatrixView(scores, n, n), View(2 * Features), y.AsSpan(sentence.First * Features + column), Features);
            ArrayPool<float>.Shared.Return(buffer);

            MatrixView View(int part) => new(joined.AsSpan(sentence.First * Stride + part + column), n, HeadFeatures, Stride);
        }
    }

    private static void AddNormalized(Span<float> x, ReadOnlySpan<float> residual, LayerNorm norm, Span<float> y) =>
        Functional.AddLayerNorm(x, residual, Features, norm.Gamma!.Value, norm.Beta!.Value, norm.Epsilon, x, y);

    private static float[] Mean(ReadOnlySpan<float> rows)
    {
        double[] sums = new double[Features];
        for (int i = 0; i < rows.Length; i++)
        {
            sums[i % Features] += rows[i];
        }

        // In order, as TensorPrimitives' sum depends on the width of vectors.
        double squares = 0;
        foreach (double sum in sums)
        {
            squares += sum * sum;
        }

        return Array.ConvertAll(sums, s => (float)(s / Math.Sqrt(squares)));
    }

    private static Dense Pack(MiniLmWeights.DenseWeights dense) => new(new PackedMatrix(new MatrixView(dense.Weight, dense.Weight.Length / dense.Bias.Length, dense.Bias.Length)), dense.Bias);

    // Three matrices side by side: one product in place of three.
    private static Dense Join(MiniLmWeights.DenseWeights[] parts)
    {
        float[] joined = new float[Features * Stride];
        for (int i = 0; i < joined.Length; i++)
        {
            (int row, int column) = Math.DivRem(i, Stride);
            joined[i] = parts[column / Features].Weight[row * Features + column % Features];
        }

        return Pack(new(joined, [.. parts.SelectMany(p => p.Bias)]));
    }

    private readonly record struct Rows(int First, int Tokens, int Length);

    private sealed record Dense(PackedMatrix Weight, float[] Bias)
    {
        public void Multiply(ReadOnlySpan<float> x, Span<float> y) => Weight.Multiply(x, Bias, y);
    }

    private sealed record PackedBlock(Dense QueryKeyValue, Dense Attention, LayerNorm AttentionNorm, Dense Inner, Dense Outer, LayerNorm OuterNorm);
}
