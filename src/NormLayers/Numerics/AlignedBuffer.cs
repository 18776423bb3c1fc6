using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace NormLayers.Numerics;

/// <summary>Doubles that start on a cache line and stay there: what a kernel reads again for every row should not straddle two.</summary>
internal struct AlignedBuffer
{
    private const int LineDoubles = 8;

    // Almost 8 GiB: as floats, which are counted by int too, it still fits.
    private const int MostDoubles = (1 << 30) - LineDoubles;

    private double[] _array;
    private int _start;
    private int _length;

    /// <summary>At least so many doubles, with what they held if the buffer was that large already; any content otherwise.</summary>
    /// <exception cref="InvalidOperationException">More than 8 GiB.</exception>
    public Span<double> AtLeast(long length)
    {
        if (_length < length)
        {
            if (length > MostDoubles)
            {
                Refuse(length);
            }

            _array = GC.AllocateArray<double>((int)length + LineDoubles - 1, pinned: true);
            nint address = Address(_array);
            _start = (int)(-address >> 3 & (LineDoubles - 1));
            _length = (int)length;
        }

        return _array.AsSpan(_start, _length);
    }

    /// <summary>The same memory as floats.</summary>
    public Span<float> FloatsAtLeast(int length) => MemoryMarshal.Cast<double, float>(AtLeast((length + 1) / 2))[..length];

    /// <summary>The first floats of what <see cref="FloatsAtLeast"/> gave last.</summary>
    public readonly Span<float> Floats(int length) => MemoryMarshal.Cast<double, float>(_array.AsSpan(_start))[..length];

    [MethodImpl(MethodImplOptions.NoInlining)] // Its locals would be cleared in every pass.
    private static void Refuse(long length) => Throw.Operation(string.Create(
        CultureInfo.InvariantCulture, $"This tensor needs a workspace of {length} numbers, and it can have {MostDoubles}. Give fewer samples, channels or features in one pass."));

    private static unsafe nint Address(double[] pinned) => (nint)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(pinned));
}
