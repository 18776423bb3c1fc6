using NormLayers.Numerics;

namespace NormLayers.Normalization;

/// <summary>The elements that a mask leaves of a tensor, as dense tensors one after another: gathered before an engine runs, scattered after it.</summary>
/// <remarks>
/// No engine knows of masks, so what it computes has the bits of the compacted data. Where neighbouring rows, or samples, have as many elements left in the
/// same places, they are one block. Rows and samples without any are left out. It allocates where a tensor is larger than any before, or a mask leaves more.
/// </remarks>
internal sealed class Compaction
{
    private const int Input = 0;
    private const int Gradient = 1;
    private const int Output = 2;
    private const int Scale = 3;
    private const int Shift = 4;
    private readonly AlignedBuffer[] _buffers = new AlignedBuffer[5];
    private AlignedBuffer _workspace;
    private AlignedBuffer _totals;
    private int[] _kept = [];
    private Block[] _blocks = [];
    private int[] _ends = [];
    private int _count;
    private int _blockCount;

    /// <summary>A dense tensor within the compacted data.</summary>
    /// <param name="Start">Its first element.</param>
    /// <param name="Rows">Its rows, samples or positions.</param>
    /// <param name="RowLength">The elements of each.</param>
    public readonly record struct Block(int Start, int Rows, int RowLength)
    {
        /// <summary>Its elements.</summary>
        public Range Elements => Start..(Start + Rows * RowLength);
    }

    /// <summary>Whether a mask masks anything; without, the passes are those without a mask.</summary>
    public static bool IsNeeded(ReadOnlySpan<bool> mask) => mask.Contains(false);

    /// <summary>The dense tensors, in order.</summary>
    public ReadOnlySpan<Block> Blocks => _blocks.AsSpan(0, _blockCount);

    /// <summary>The rows, samples or positions that are left.</summary>
    public int Rows
    {
        get
        {
            int rows = 0;
            foreach (Block block in Blocks)
            {
                rows += block.Rows;
            }

            return rows;
        }
    }

    /// <summary>Where each element of the compacted data comes from.</summary>
    public ReadOnlySpan<int> Kept => _kept.AsSpan(0, _count);

    /// <summary>Keeps elements of rows: a block is some rows with the same columns left, and with the same γ and β.</summary>
    /// <param name="mask">A value for each element, or for each row.</param>
    /// <param name="rows">N.</param>
    /// <param name="features">C.</param>
    /// <param name="rowsPerParameters">T, as in <see cref="RowTensors"/>; 0 where all rows share γ and β.</param>
    public void KeepRows(ReadOnlySpan<bool> mask, int rows, int features, int rowsPerParameters = 0)
    {
        Begin(rows * features, rows);
        bool wholeRows = mask.Length == rows;
        int last = -1;
        for (int n = 0; n < rows; n++)
        {
            ReadOnlySpan<bool> row = wholeRows ? mask.Slice(n, 1) : mask.Slice(n * features, features);
            int left = row.Count(true) * (wholeRows ? features : 1);
            if (left == 0)
            {
                continue;
            }

            bool continues = last >= 0
                && (wholeRows || row.SequenceEqual(mask.Slice(last * features, features)))
                && (rowsPerParameters == 0 || n / rowsPerParameters == last / rowsPerParameters);
            Add(left, continues);
            for (int c = 0; c < features; c++)
            {
                if (wholeRows || row[c])
                {
                    _kept[_count++] = n * features + c;
                }
            }

            last = n;
        }
    }

    /// <summary>Keeps positions of samples of (N, C, L), which stay samples: a block is some (C, l) with equally many positions left.</summary>
    /// <param name="mask">A value for each position, (N, L).</param>
    /// <param name="planes">N, C and L.</param>
    public void KeepSamples(ReadOnlySpan<bool> mask, Planes planes)
    {
        (int N, int C, int L) = (planes.Samples, planes.Channels, planes.Length);
        Begin(planes.Elements, N);
        for (int n = 0; n < N; n++)
        {
            ReadOnlySpan<bool> positions = mask.Slice(n * L, L);
            int left = C * positions.Count(true);
            if (left == 0)
            {
                continue;
            }

            Add(left, continues: _blockCount > 0 && _blocks[_blockCount - 1].RowLength == left);
            for (int i = n * C * L; i < (n + 1) * C * L; i++)
            {
                if (positions[i % L])
                {
                    _kept[_count++] = i;
                }
            }
        }
    }

    /// <summary>Keeps positions of (N, C, L) as rows of channels, (K, C): a block for each chunk.</summary>
    /// <param name="mask">A value for each position, (N, L).</param>
    /// <param name="planes">N, C, L and the chunks.</param>
    /// <returns>(K, C, 1), with the chunks that are not masked wholly.</returns>
    public Planes KeepPositions(ReadOnlySpan<bool> mask, Planes planes)
    {
        (int C, int L) = (planes.Channels, planes.Length);
        Begin(planes.Elements, planes.Chunks);
        int position = 0;
        for (int k = 0; k < planes.Chunks; k++)
        {
            bool continues = false;
            for (int end = position + planes.Chunk(k).ChannelElements; position < end; position++)
            {
                if (!mask[position])
                {
                    continue;
                }

                Add(C, continues);
                continues = true;
                for (int c = 0; c < C; c++)
                {
                    _kept[_count++] = (position / L * C + c) * L + position % L;
                }
            }
        }

        if (_ends.Length < _blockCount)
        {
            _ends = new int[_blockCount];
        }

        for (int k = 0; k < _blockCount; k++)
        {
            _ends[k] = _blocks[k].Elements.End.Value / C;
        }

        return new Planes(_count / C, C, 1) { Ends = _blockCount > 1 ? _ends.AsMemory(0, _blockCount) : default };
    }

    /// <summary>The elements of x that are left.</summary>
    public Span<float> GatherX(ReadOnlySpan<float> x) => Gather(x, Input);

    /// <summary>What <see cref="GatherX"/> gave last, or what has been written there since.</summary>
    public Span<float> X => _buffers[Input].Floats(_count);

    /// <summary>The gradients with respect to the elements that are left, without dγ and dβ; dx overwrites dy.</summary>
    /// <param name="gradients">The whole tensor's.</param>
    public Gradients Gather(Gradients gradients)
    {
        Span<float> dy = Gather(gradients.Dy, Gradient);
        return new()
        {
            Dy = dy,
            Dx = gradients.Dx.IsEmpty ? default : dy,
            Output = gradients.Output.IsEmpty ? default : Gather(gradients.Output, Output),
            Masked = dy,
        };
    }

    /// <summary>γ of a block of rows: of those columns that are left.</summary>
    /// <param name="gamma">γ of whole rows.</param>
    /// <param name="block">The block.</param>
    /// <param name="features">C.</param>
    public ReadOnlySpan<float> GammaOf(ReadOnlySpan<float> gamma, Block block, int features) => Columns(gamma, block, features, Scale);

    /// <summary>β of a block of rows, as <see cref="GammaOf"/>.</summary>
    public ReadOnlySpan<float> BetaOf(ReadOnlySpan<float> beta, Block block, int features) => Columns(beta, block, features, Shift);

    /// <summary>Overwrites a whole tensor: with 0 where it is masked.</summary>
    /// <param name="compacted">What is left.</param>
    /// <param name="whole">Overwritten; empty if it is not wanted.</param>
    public void Scatter(ReadOnlySpan<float> compacted, Span<float> whole)
    {
        if (whole.IsEmpty)
        {
            return;
        }

        whole.Clear();
        ReadOnlySpan<int> kept = Kept;
        for (int i = 0; i < kept.Length; i++)
        {
            whole[kept[i]] = compacted[i];
        }
    }

    /// <summary>A workspace for an engine.</summary>
    public Span<double> Workspace(long length) => _workspace.AtLeast(length);

    /// <summary>So many zeros, to add to.</summary>
    public Span<double> Totals(int length)
    {
        Span<double> totals = _totals.AtLeast(length)[..length];
        totals.Clear();
        return totals;
    }

    private Span<float> Gather(ReadOnlySpan<float> whole, int buffer)
    {
        ReadOnlySpan<int> kept = Kept;
        Span<float> compacted = _buffers[buffer].FloatsAtLeast(kept.Length);
        for (int i = 0; i < kept.Length; i++)
        {
            compacted[i] = whole[kept[i]];
        }

        return compacted;
    }

    private ReadOnlySpan<float> Columns(ReadOnlySpan<float> values, Block block, int features, int buffer)
    {
        Span<float> columns = _buffers[buffer].FloatsAtLeast(block.RowLength);
        for (int i = 0; i < columns.Length; i++)
        {
            columns[i] = values[_kept[block.Start + i] % features];
        }

        return columns;
    }

    private void Begin(int elements, int blocks)
    {
        if (_kept.Length < elements)
        {
            _kept = new int[elements];
        }

        if (_blocks.Length < blocks)
        {
            _blocks = new Block[blocks];
        }

        (_count, _blockCount) = (0, 0);
    }

    private void Add(int left, bool continues)
    {
        if (continues)
        {
            Block block = _blocks[_blockCount - 1];
            _blocks[_blockCount - 1] = block with { Rows = block.Rows + 1 };
        }
        else
        {
            _blocks[_blockCount++] = new Block(_count, 1, left);
        }
    }
}
