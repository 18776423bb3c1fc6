namespace NormLayers.Numerics;

/// <summary>The condition does not hold.</summary>
internal readonly struct No : IFlag
{
    public static bool Holds => false;
}
