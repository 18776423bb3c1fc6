namespace NormLayers.Numerics;

/// <summary>A condition that the compiler knows, as a type argument: loops are compiled once for each, without a branch in them.</summary>
internal interface IFlag
{
    /// <summary>Gets a value indicating whether it holds.</summary>
    static abstract bool Holds { get; }
}
