namespace NormLayers.Numerics;

/// <summary>C = A·B for pairs of matrices, divided among threads by pairs.</summary>
internal readonly ref struct ProductBatch : IKernel
{
    public required MatrixBatch A { get; init; }

    public required MatrixBatch B { get; init; }

    public required Span<float> C { get; init; }

    public required int RowStride { get; init; }

    public required int MatrixStride { get; init; }

    public ProductSize Size => new(A.Rows, B.Columns, A.Columns);

    /// <summary>All multiplications, as so many elements of a normalization.</summary>
    public long Work => (long)A.Count * A.Rows * B.Columns * A.Columns / ProductKernel.MultiplicationsPerElement;

    public ProductTarget Target(int i) => new(C[(i * MatrixStride)..], RowStride, 1);

    public void Run<L, D>(int first, int count)
        where L : struct, ILanes<L>
        where D : struct, IDoubleLanes<D>
    {
        for (int i = first; i < first + count; i++)
        {
            ProductKernel product = MatrixProduct.IsNarrow(Size)
                ? new() { A = B.Factor(i).Transpose(), B = A.Factor(i).Transpose(), Size = Size.Transpose(), C = Target(i).Transpose(), Begins = true, Overwrites = true }
                : new() { A = A.Factor(i), B = B.Factor(i), Size = Size, C = Target(i), Begins = true, Overwrites = true };
            product.Run<L, D>(0, product.Units);
        }
    }
}
