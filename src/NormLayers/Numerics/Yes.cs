namespace NormLayers.Numerics;

/// <summary>The condition holds.</summary>
internal readonly struct Yes : IFlag
{
    public static bool Holds => true;
}
