using System.Runtime.CompilerServices;

namespace NormLayers.Numerics;

/// <summary>Runs kernels at the vector width in use, on as many threads as their size is worth.</summary>
internal static class Kernels
{
    /// <summary>
    /// How methods with a kernel's loops are compiled: once, fully, and by themselves. Inlined into a caller that is compiled again
    /// later, their own formulas no longer fit into what the compiler inlines, and become a call for every sixteen elements.
    /// </summary>
    public const MethodImplOptions FullyOptimized = MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining;

    /// <summary>Smaller tensors stay on the calling thread: coherence traffic outweighs a second one (docs/performance-history.md, what else was tried).</summary>
    public const int FewestElements = 65536;

    private const long ElementsPerPart = 16384;
    /// <summary>The most parts of a call.</summary>
    public const int MaxParts = 32;

    /// <summary>Does all units of a kernel.</summary>
    /// <param name="kernel">The kernel.</param>
    /// <param name="units">How many units it has.</param>
    /// <param name="elements">The elements of the tensor that it works on.</param>
    public static void Run<K>(scoped ref K kernel, int units, long elements)
        where K : struct, IKernel, allows ref struct
    {
        if (elements >= FewestElements)
        {
            int parts = (int)Math.Min(units, Math.Min(elements / ElementsPerPart, MaxParts));
            int helpers = Math.Min(Threads.LimitHere, parts) - 1;
            if (helpers > 0 && Workers.TryRun(ref kernel, units, parts, helpers))
            {
                return;
            }
        }

        RunUnits(ref kernel, 0, units);
    }

    /// <summary>Does some units of a kernel on the calling thread.</summary>
    public static void RunUnits<K>(scoped ref K kernel, int first, int count)
        where K : struct, IKernel, allows ref struct
    {
        switch (VectorWidth.Bits)
        {
            case 512: kernel.Run<Lanes512, DoubleLanes512>(first, count); break;
            case 256: kernel.Run<Lanes256, DoubleLanes256>(first, count); break;
            case 128: kernel.Run<Lanes128, DoubleLanes128>(first, count); break;
            default: kernel.Run<LanesScalar, DoubleLanesScalar>(first, count); break;
        }
    }
}
