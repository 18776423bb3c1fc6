using System.Diagnostics;
using System.Numerics;
using System.Runtime.InteropServices;

namespace NormLayers.Numerics;

/// <summary>The columns of a row, of which so many side by side are of one channel each.</summary>
internal static class ColumnValues
{
    /// <summary>Copies the value of each channel to all of its columns, which lie side by side.</summary>
    /// <param name="channels">The values.</param>
    /// <param name="length">The columns of a channel.</param>
    /// <param name="columns">Overwritten.</param>
    public static Span<T> Of<T>(ReadOnlySpan<T> channels, int length, Span<T> columns)
    {
        Debug.Assert(columns.Length == channels.Length * length, "Lengths differ.");

        // In whole vectors: what goes too far, the next channel overwrites.
        int stored = (length + Vector<T>.Count - 1) / Vector<T>.Count * Vector<T>.Count;
        ref T column = ref MemoryMarshal.GetReference(columns);
        int c = 0;
        for (; c < channels.Length && c * length + stored <= columns.Length; c++)
        {
            Vector<T> value = new(channels[c]);
            for (int k = 0; k < stored; k += Vector<T>.Count)
            {
                value.StoreUnsafe(ref column, (nuint)(c * length + k));
            }
        }

        for (; c < channels.Length; c++)
        {
            columns.Slice(c * length, length).Fill(channels[c]);
        }

        return columns;
    }

    /// <summary>Adds the values of each channel's columns, in order.</summary>
    /// <param name="columns">The values; overwritten.</param>
    /// <param name="length">The columns of a channel.</param>
    /// <returns>The sums of channels: the beginning of the columns.</returns>
    public static Span<double> Sum(Span<double> columns, int length)
    {
        Span<double> channels = columns[..(columns.Length / length)];
        for (int c = 0; c < channels.Length && length > 1; c++)
        {
            double sum = 0;
            foreach (double column in columns.Slice(c * length, length))
            {
                sum += column;
            }

            channels[c] = sum;
        }

        return channels;
    }

    /// <summary>The first value of each channel.</summary>
    /// <param name="columns">The values of a row, and what comes after it.</param>
    /// <param name="length">The columns of a channel.</param>
    /// <param name="channels">Overwritten.</param>
    public static void First(ReadOnlySpan<float> columns, int length, Span<float> channels)
    {
        if (length == 1)
        {
            columns[..channels.Length].CopyTo(channels);
            return;
        }

        for (int c = 0; c < channels.Length; c++)
        {
            channels[c] = columns[c * length];
        }
    }
}
