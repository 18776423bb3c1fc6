namespace NormLayers.Network;

/// <summary>How an image is cut into patches: squares, each as far from the next as the stride.</summary>
/// <param name="Size">The rows and columns of a patch, ≥ 1.</param>
/// <param name="Stride">The rows or columns from one patch to the next, ≥ 1; below <paramref name="Size"/> patches overlap.</param>
public sealed record PatchOptions(int Size = 4, int Stride = 2)
{
    /// <summary>The positions of a channel, L: the patches of an image.</summary>
    /// <param name="features">The pixels of an image.</param>
    /// <exception cref="ArgumentException">See <see cref="FindProblem"/>.</exception>
    public int PositionsOf(int features)
    {
        if (FindProblem(features) is { } problem)
        {
            throw new ArgumentException(problem, nameof(features));
        }

        int across = (SideOf(features) - Size) / Stride + 1;
        return across * across;
    }

    /// <summary>Says in a sentence why samples cannot be cut; null where they can.</summary>
    /// <param name="features">The features of a sample: the pixels of a square image of one channel.</param>
    public string? FindProblem(int features)
    {
        int side = SideOf(features);
        return Size < 1 || Stride < 1 ? FormattableString.Invariant($"patches need a size and a stride of 1 or more, got {Size} and {Stride}")
            : side < 1 || side * side != features ? FormattableString.Invariant($"patches need square images of one channel, and {features} features are none")
            : Size > side ? FormattableString.Invariant($"a patch of {Size}x{Size} does not fit an image of {side}x{side}")
            : (side - Size) / Stride + 1 is var across && (long)across * across * Size * Size > Array.MaxLength ? FormattableString.Invariant($"patches of {Size}x{Size} at a stride of {Stride} have more than {Array.MaxLength} elements in an image of {side}x{side}")
            : null;
    }

    internal static int SideOf(int features) => (int)Math.Sqrt(features);
}
