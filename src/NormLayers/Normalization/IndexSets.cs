namespace NormLayers;

/// <summary>A rule that divides the elements of a tensor into index sets S: those that are normalized together, or that share a parameter.</summary>
/// <remarks>
/// The normalization layers differ in S alone. On (N, C, L): a row (layer normalization), a channel (batch normalization), a group of
/// channels of a sample (group normalization), one channel of a sample (instance normalization). Sets are numbered from 0 in row-major
/// order of the dimensions that they do not run over.
/// </remarks>
public sealed class IndexSets
{
    private readonly Func<Shape, int, int> _setOf;
    private readonly int _leastRank;

    private IndexSets(Func<Shape, int, int> setOf, int leastRank = 0) => (_setOf, _leastRank) = (setOf, leastRank);

    /// <summary>All elements in one set: one γ for a whole tensor.</summary>
    public static IndexSets All { get; } = new((_, _) => 0);

    /// <summary>A set for each channel c of (N, C, …), over N and all dimensions behind C: batch normalization.</summary>
    public static IndexSets Channels { get; } = Keep((axis, _) => axis == 1, leastRank: 2);

    /// <summary>A set for each channel of each sample of (N, C, …), over all dimensions behind C: instance normalization.</summary>
    public static IndexSets Instances { get; } = Keep((axis, _) => axis <= 1, leastRank: 2);

    /// <summary>A set for each position of the leading dimensions, over the trailing ones: layer normalization, root mean square normalization.</summary>
    /// <param name="dimensions">How many trailing dimensions a set runs over, ≥ 1.</param>
    public static IndexSets Rows(int dimensions = 1)
    {
        Throw.IfNotPositive(dimensions, nameof(dimensions));
        return Keep((axis, rank) => axis < rank - dimensions, dimensions);
    }

    /// <summary>A set for each position of the trailing dimensions, over the leading ones: the elements of rows that share γ and β.</summary>
    /// <param name="dimensions">The trailing dimensions of a row, ≥ 1.</param>
    public static IndexSets Columns(int dimensions = 1)
    {
        Throw.IfNotPositive(dimensions, nameof(dimensions));
        return Keep((axis, rank) => axis >= rank - dimensions, dimensions);
    }

    /// <summary>A set for each group of C/G neighbouring channels of each sample of (N, C, …): group normalization.</summary>
    /// <param name="groups">G, ≥ 1, a divisor of C.</param>
    public static IndexSets Groups(int groups)
    {
        Throw.IfNotPositive(groups, nameof(groups));
        return new IndexSets((shape, i) =>
        {
            if (shape[1] % groups != 0)
            {
                Throw.Argument(nameof(shape), $"(N, C, …) with C a multiple of {groups} groups", $"{shape}");
            }

            int sample = shape.Length / shape[0];
            return i / sample * groups + i % sample / (sample / groups);
        }, leastRank: 2);
    }

    /// <summary>A set for each channel of each chunk of samples of (N, C, …): ghost batch normalization.</summary>
    /// <param name="chunkSize">The samples of a chunk, ≥ 1; a last one that would have one value a channel joins the chunk before.</param>
    public static IndexSets Chunks(int chunkSize)
    {
        Throw.IfNotPositive(chunkSize, nameof(chunkSize));
        return new IndexSets((shape, i) =>
        {
            int sample = shape.Length / shape[0];
            (int n, int c) = (i / sample, i % sample / (sample / shape[1]));
            bool isLeftAlone = sample == shape[1] && chunkSize > 1 && n > 0 && n == shape[0] - 1 && n % chunkSize == 0;
            return (isLeftAlone ? n - 1 : n) / chunkSize * shape[1] + c;
        }, leastRank: 2);
    }

    /// <summary>A set for each position of the other dimensions, over these: what other libraries call axes.</summary>
    /// <param name="axes">The dimensions that a set runs over; −1 is the last one. Each must be one of the tensor's.</param>
    public static IndexSets Over(params IReadOnlyList<int> axes)
    {
        ArgumentNullException.ThrowIfNull(axes);
        return Keep((axis, rank) => !axes.Contains(axis) && !axes.Contains(axis - rank), axes.Select(a => a < 0 ? -a : a + 1).DefaultIfEmpty().Max());
    }

    /// <summary>Any partition.</summary>
    /// <param name="setOf">The number of the set, from 0 to less than the number of elements, that an element of a tensor belongs to, from the tensor's shape and the element's row-major position.</param>
    public static IndexSets By(Func<Shape, int, int> setOf)
    {
        ArgumentNullException.ThrowIfNull(setOf);
        return new IndexSets(setOf);
    }

    /// <summary>The number of the set of each element.</summary>
    /// <param name="shape">The tensor's shape.</param>
    /// <returns>A number for each element, in row-major order.</returns>
    /// <exception cref="ArgumentException">The rule does not apply to this shape.</exception>
    public int[] NumberOf(Shape shape)
    {
        if (shape.Rank < _leastRank)
        {
            Throw.Argument(nameof(shape), $"{_leastRank} dimensions or more", $"{shape}");
        }

        int[] numbers = new int[shape.Length];
        for (int i = 0; i < numbers.Length; i++)
        {
            numbers[i] = _setOf(shape, i);
            if (numbers[i] < 0 || numbers[i] >= numbers.Length)
            {
                Throw.Argument(nameof(shape), $"a rule that numbers the sets of {shape} from 0 to less than its {numbers.Length} elements", $"set {numbers[i]} for element {i}");
            }
        }

        return numbers;
    }

    /// <summary>The elements of each set.</summary>
    /// <param name="shape">The tensor's shape.</param>
    /// <returns>The sets by number; each holds row-major positions in ascending order.</returns>
    /// <exception cref="ArgumentException">The rule does not apply to this shape.</exception>
    public int[][] Of(Shape shape)
    {
        int[] numbers = NumberOf(shape);
        int[] sizes = new int[numbers.Length == 0 ? 0 : numbers.Max() + 1];
        foreach (int number in numbers)
        {
            sizes[number]++;
        }

        int[][] sets = Array.ConvertAll(sizes, size => new int[size]);
        for (int i = numbers.Length - 1; i >= 0; i--)
        {
            sets[numbers[i]][--sizes[numbers[i]]] = i;
        }

        return sets;
    }

    // The sets whose elements agree in the dimensions that are kept.
    private static IndexSets Keep(Func<int, int, bool> kept, int leastRank) => new((shape, i) =>
    {
        int set = 0;
        int stride = shape.Length;
        for (int axis = 0; axis < shape.Rank; axis++)
        {
            stride /= shape[axis];
            set = kept(axis, shape.Rank) ? set * shape[axis] + i / stride % shape[axis] : set;
        }

        return set;
    }, leastRank);
}
