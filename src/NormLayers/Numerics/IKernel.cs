namespace NormLayers.Numerics;

/// <summary>Work on arrays, written once for every vector width, that can be done in parts.</summary>
/// <remarks>
/// A kernel is a <c>ref struct</c> that holds the spans it works on. Its units (rows, blocks of rows, channels) do not depend on
/// one another, so that no bit depends on how <see cref="Kernels"/> cuts them into parts, nor on which thread does which.
/// </remarks>
internal interface IKernel
{
    /// <summary>Does the units <paramref name="first"/> to <paramref name="first"/> + <paramref name="count"/> − 1.</summary>
    /// <typeparam name="L">The float lanes.</typeparam>
    /// <typeparam name="D">The double lanes.</typeparam>
    void Run<L, D>(int first, int count)
        where L : struct, ILanes<L>
        where D : struct, IDoubleLanes<D>;
}
