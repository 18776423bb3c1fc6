namespace NormLayers.Numerics;

/// <summary>The right-hand matrix of a product, copied once into the order in which the product reads it.</summary>
/// <remarks>
/// <para>For weights that do not change any more: a product with few rows then takes no longer than reading the matrix. It never
/// changes, and any number of threads may multiply by it at once.</para>
/// <para>A product has the bits of <see cref="MatrixProduct"/>: they depend on no thread, vector width, nor on which other rows share the call.
/// The copy takes rows·columns floats, the columns rounded up to a multiple of 32.</para>
/// </remarks>
public sealed class PackedMatrix
{
    private readonly AlignedBuffer _panels;
    private readonly int _length;

    /// <summary>Copies a matrix.</summary>
    /// <param name="matrix">(K, M), K and M ≥ 1. Weights stored as (M, K), as PyTorch and <see cref="Network.Linear"/> have them, come as their transpose.</param>
    /// <exception cref="ArgumentException">A matrix without elements, or whose copy has more than an array can.</exception>
    public PackedMatrix(MatrixView matrix)
    {
        if (matrix.Rows == 0 || matrix.Columns == 0)
        {
            Throw.Argument(nameof(matrix), "at least one row and one column", $"{matrix.Rows} and {matrix.Columns}");
        }

        Rows = matrix.Rows;
        Columns = matrix.Columns;
        long length = ((long)Columns + ProductKernel.UnitColumns - 1) / ProductKernel.UnitColumns * ProductKernel.UnitColumns * Rows;
        if (length > Array.MaxLength)
        {
            Throw.Argument(nameof(matrix), $"at most {Array.MaxLength} elements, the columns rounded up to a multiple of {ProductKernel.UnitColumns}", $"{length}");
        }

        _length = (int)length;
        ColumnPacking packing = new(matrix.Factor, Rows, Columns, _panels.FloatsAtLeast(_length));
        Kernels.Run(ref packing, packing.Units, _length);
    }

    /// <summary>K, the inner dimension.</summary>
    public int Rows { get; }

    /// <summary>M, the columns of the product.</summary>
    public int Columns { get; }

    /// <summary>C = A·B + bias: overwrites <paramref name="c"/>.</summary>
    /// <param name="a">(N, K), row-major.</param>
    /// <param name="bias">M numbers, added to every row; empty means zeros.</param>
    /// <param name="c">(N, M), row-major, apart from the memory of <paramref name="a"/> and <paramref name="bias"/>.</param>
    /// <exception cref="ArgumentException">Lengths that do not fit, or memory that overlaps.</exception>
    public void Multiply(ReadOnlySpan<float> a, ReadOnlySpan<float> bias, Span<float> c)
    {
        (int rows, int rest) = Math.DivRem(a.Length, Rows);
        if (rest != 0)
        {
            Throw.Argument(nameof(a), $"a whole number of rows of {Rows}", $"{a.Length} elements");
        }

        Throw.IfLengthDiffers(c.Length, (rows, Columns), nameof(c));
        MatrixProduct.CheckApart(a, c, nameof(c));
        MatrixProduct.CheckApart(bias, c, nameof(c));
        if (!bias.IsEmpty)
        {
            Throw.IfLengthDiffers(bias.Length, Columns, nameof(bias));
        }

        if (rows == 0)
        {
            return;
        }

        ProductKernel.Run(new ProductKernel
        {
            A = new Factor(a, Rows, 1),
            Panels = _panels.Floats(_length),
            Size = new ProductSize(rows, Columns, Rows),
            C = new ProductTarget(c, Columns, 1),
            Begins = true,
            Overwrites = true,
            Bias = bias,
        });
    }
}
