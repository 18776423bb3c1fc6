using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NormLayers.Numerics;

namespace NormLayers.Network;

/// <summary>Softmax over the last dimension: yᵢ = e^(xᵢ − max x)/Σⱼ e^(xⱼ − max x), and dxᵢ = yᵢ·(dyᵢ − Σⱼ dyⱼyⱼ).</summary>
/// <remarks>
/// <para>Exponentials and sums are in double. y is within 1 ulp of a float. dx is within 1 ulp of the largest of dxᵢ, yᵢ·dyᵢ and yᵢ·Σⱼ|dyⱼ|yⱼ.</para>
/// <para>A row's bits depend on no vector width, thread or other row, nor on how many elements of −∞
/// follow its last one: a sentence padded to any length, with −∞ in the padded places, keeps its attention. A row of −∞ alone is NaN, as is one with NaN or +∞.</para>
/// <para><c>y</c> may be <c>x</c> where no backward pass follows: that one needs x.</para>
/// </remarks>
public sealed class Softmax : Layer
{
    /// <summary>Creates a softmax.</summary>
    /// <param name="name">The layer's name.</param>
    public Softmax(string name = "softmax")
        : base(name)
    {
    }

    /// <summary>The softmax of each row: overwrites <paramref name="y"/>.</summary>
    /// <param name="x">Rows of <paramref name="columns"/> numbers.</param>
    /// <param name="columns">The length of a row, ≥ 1.</param>
    /// <param name="y">As long as <paramref name="x"/>; may be the same memory.</param>
    /// <exception cref="ArgumentException">Lengths that do not fit, or memory that overlaps in part.</exception>
    public static void Rows(ReadOnlySpan<float> x, int columns, Span<float> y)
    {
        Throw.IfNotPositive(columns, nameof(columns));
        Throw.IfLengthDiffers(x.Length, (x.Length / columns, columns), nameof(x));
        Throw.IfLengthDiffers(y.Length, x.Length, nameof(y));
        Throw.IfOverlapsInPart(x, y, "input", nameof(y));

        Apply(x, default, columns, y);
    }

    /// <inheritdoc/>
    public override Shape OutputShape(Shape shape) => shape;

    /// <inheritdoc/>
    public override ReferenceLayer CreateReference() => new Reference();

    /// <inheritdoc/>
    protected override void ReplaceBuffers()
    {
    }

    /// <inheritdoc/>
    protected override void ForwardCore(ReadOnlySpan<float> x, Shape shape, Span<float> y) => Apply(x, default, shape.Last, y);

    /// <inheritdoc/>
    protected override void BackwardCore(ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Shape shape, Span<float> dx)
    {
        if (!dx.IsEmpty)
        {
            Apply(x, dy, shape.Last, dx);
        }
    }

    private static void Apply(ReadOnlySpan<float> x, ReadOnlySpan<float> dy, int columns, Span<float> result)
    {
        if (!x.IsEmpty)
        {
            Kernel kernel = new() { X = x, Dy = dy, Columns = columns, Result = result };
            Kernels.Run(ref kernel, x.Length / columns, 4L * x.Length);
        }
    }

    /// <summary>y, or dx where there is a gradient. Units are rows.</summary>
    private readonly ref struct Kernel : IKernel
    {
        [ThreadStatic]
        private static AlignedBuffer s_exponentials;

        public required ReadOnlySpan<float> X { get; init; }

        public required ReadOnlySpan<float> Dy { get; init; }

        public required int Columns { get; init; }

        public required Span<float> Result { get; init; }

        [MethodImpl(Kernels.FullyOptimized)]
        public void Run<L, D>(int first, int count)
            where L : struct, ILanes<L>
            where D : struct, IDoubleLanes<D>
        {
            // Rounded up to whole vectors: what follows the row counts as −∞, whose exponential, here e⁻⁷⁰⁸, is nothing beside a sum of at least 1.
            Span<double> e = s_exponentials.AtLeast((Columns + 7) / 8 * 8)[..((Columns + 7) / 8 * 8)];
            for (int row = first; row < first + count; row++)
            {
                ReadOnlySpan<float> x = X.Slice(row * Columns, Columns);
                Span<float> result = Result.Slice(row * Columns, Columns);
                double scale = 1 / ExpAndSum<D>(x, e);
                if (Dy.IsEmpty)
                {
                    Scale<D>(e, scale, result);
                    continue;
                }

                ReadOnlySpan<float> dy = Dy.Slice(row * Columns, Columns);
                Differentiate<D>(e, scale, dy, Dot<D>(e, scale, dy), result);
            }
        }

        // e^(x − max x), and their sum: NaN if there is one in the row. In a method of its own, so that the sum stays in a register.
        [MethodImpl(Kernels.FullyOptimized)]
        private static double ExpAndSum<D>(ReadOnlySpan<float> x, Span<double> e)
            where D : struct, IDoubleLanes<D>
        {
            ref readonly float x0 = ref MemoryMarshal.GetReference(x);
            ref double e0 = ref MemoryMarshal.GetReference(e);
            int whole = x.Length - x.Length % 8;
            D rest = Rest<D>(x[whole..], float.NegativeInfinity);
            D max = D.Create(Max(x, rest, e));
            D sum = D.Create(0);
            for (int i = 0; i < whole; i += 8)
            {
                D power = Exp(D.Widen(in x0, i) - max);
                D.Store(power, ref e0, i);
                sum += power;
            }

            if (whole < x.Length)
            {
                D power = Exp(rest - max);
                D.Store(power, ref e0, whole);
                sum += power;
            }

            return D.Sum(sum);
        }

        // The last elements of a row, fewer than eight, and what follows them.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static D Rest<D>(ReadOnlySpan<float> last, float after)
            where D : struct, IDoubleLanes<D>
        {
            if (last.IsEmpty)
            {
                return D.Create(after);
            }

            Span<float> values = [after, after, after, after, after, after, after, after];
            last.CopyTo(values);
            return D.Widen(in values[0], 0);
        }

        // Σ dy·y, with y in double.
        [MethodImpl(Kernels.FullyOptimized)]
        private static double Dot<D>(ReadOnlySpan<double> e, double scale, ReadOnlySpan<float> dy)
            where D : struct, IDoubleLanes<D>
        {
            ref readonly double e0 = ref MemoryMarshal.GetReference(e);
            int whole = dy.Length - dy.Length % 8;
            D sum = D.Create(0);
            for (int i = 0; i < whole; i += 8)
            {
                sum += D.Widen(in MemoryMarshal.GetReference(dy), i) * (D.Load(in e0, i) * D.Create(scale));
            }

            if (whole < dy.Length)
            {
                sum += Rest<D>(dy[whole..], 0) * (D.Load(in e0, whole) * D.Create(scale));
            }

            return D.Sum(sum);
        }

        // dx = y·(dy − Σ dy·y)
        [MethodImpl(Kernels.FullyOptimized)]
        private static void Differentiate<D>(ReadOnlySpan<double> e, double scale, ReadOnlySpan<float> dy, double dot, Span<float> dx)
            where D : struct, IDoubleLanes<D>
        {
            ref readonly double e0 = ref MemoryMarshal.GetReference(e);
            int i = 0;
            for (; i <= dx.Length - 8; i += 8)
            {
                D.Narrow(D.Load(in e0, i) * D.Create(scale) * (D.Widen(in MemoryMarshal.GetReference(dy), i) - D.Create(dot)), ref MemoryMarshal.GetReference(dx), i);
            }

            for (; i < dx.Length; i++)
            {
                dx[i] = (float)(e[i] * scale * (dy[i] - dot));
            }
        }

        // The largest of a row, whose last elements are given; e is a place for the largest of each lane. A NaN may be passed over: its exponential is NaN.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static double Max<D>(ReadOnlySpan<float> x, D rest, Span<double> e)
            where D : struct, IDoubleLanes<D>
        {
            // Two at a time, as each waits for the one before.
            D others = rest;
            int i = 0;
            for (; i <= x.Length - 16; i += 16)
            {
                rest = D.Max(rest, D.Widen(in MemoryMarshal.GetReference(x), i));
                others = D.Max(others, D.Widen(in MemoryMarshal.GetReference(x), i + 8));
            }

            if (i <= x.Length - 8)
            {
                rest = D.Max(rest, D.Widen(in MemoryMarshal.GetReference(x), i));
            }

            D.Store(D.Max(rest, others), ref MemoryMarshal.GetReference(e), 0);
            double max = e[0];
            for (int lane = 1; lane < 8; lane++)
            {
                max = max < e[lane] ? e[lane] : max;
            }

            return max;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static D Exp<D>(D x)
            where D : struct, IDoubleLanes<D>
            => Elementary.ExpOfFloatCore(D.Max(x, D.Create(-708)));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Scale<D>(Span<double> e, double scale, Span<float> result)
            where D : struct, IDoubleLanes<D>
        {
            int i = 0;
            for (; i <= result.Length - 8; i += 8)
            {
                D.Narrow(D.Load(in e[0], i) * D.Create(scale), ref MemoryMarshal.GetReference(result), i);
            }

            for (; i < result.Length; i++)
            {
                result[i] = (float)(e[i] * scale);
            }
        }
    }

    private sealed class Reference : ReferenceLayer
    {
        private double[] _y = [];
        private int _columns;

        public override double[] Forward(double[] x, Shape shape)
        {
            _columns = shape.Last;
            _y = [.. x.Chunk(_columns).SelectMany(row =>
            {
                double max = row.Max();
                double[] e = Array.ConvertAll(row, v => Elementary.Exp(v - max));
                double sum = e.Sum();
                return e.Select(v => v / sum);
            })];
            return _y;
        }

        public override double[] Backward(double[] dy) => [.. dy.Chunk(_columns).Zip(_y.Chunk(_columns)).SelectMany(pair =>
        {
            double dot = pair.First.Zip(pair.Second, (d, y) => d * y).Sum();
            return pair.First.Zip(pair.Second, (d, y) => y * (d - dot));
        })];
    }
}
