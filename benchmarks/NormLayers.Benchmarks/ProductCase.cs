using NormLayers.Numerics;

namespace NormLayers.Benchmarks;

/// <summary>y = x·wᵀ + b with weights that do not change.</summary>
/// <param name="Inputs">Columns of x.</param>
/// <param name="Outputs">Rows of w.</param>
/// <param name="Rows">Rows of x.</param>
internal sealed record ProductCase(int Inputs, int Outputs, int Rows)
{
    public string Weights => $"{Inputs}x{Outputs}";

    public override string ToString() => $"product {Weights} {Rows}";
}

/// <summary>The numbers of a product, the same for every peer: from −½ to ½, or from N(0, 1).</summary>
internal sealed class ProductData
{
    public ProductData(ProductCase timed, bool normal = false)
    {
        RandomSource random = new(1);
        W = Draw(random, timed.Outputs * timed.Inputs, normal);
        Bias = Draw(random, timed.Outputs, normal);
        X = Draw(random, timed.Rows * timed.Inputs, normal);
    }

    /// <summary>w, (outputs, inputs).</summary>
    public float[] W { get; }

    public float[] Bias { get; }

    /// <summary>x, (rows, inputs).</summary>
    public float[] X { get; }

    private static float[] Draw(RandomSource random, int count, bool normal)
    {
        float[] values = new float[count];
        for (int i = 0; i < count; i++)
        {
            values[i] = (float)(normal ? random.NextNormal() : random.NextDouble() - 0.5);
        }

        return values;
    }
}
