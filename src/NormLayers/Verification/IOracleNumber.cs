using System.Numerics;

namespace NormLayers.Verification;

/// <summary>Arithmetic of many more bits than a double's 53.</summary>
internal interface IOracleNumber<T> :
    IComparable<T>, IAdditionOperators<T, T, T>, ISubtractionOperators<T, T, T>, IMultiplyOperators<T, T, T>, IDivisionOperators<T, int, T>
    where T : struct, IOracleNumber<T>
{
    /// <summary>A double, which is finite.</summary>
    static abstract T From(double value);

    /// <summary>1/√this; 0 for 0, as the layers take it.</summary>
    T ReciprocalRoot();

    T Absolute();

    /// <summary>The nearest double, or nearly so.</summary>
    double ToDouble();
}
