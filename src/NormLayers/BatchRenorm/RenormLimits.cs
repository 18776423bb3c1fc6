namespace NormLayers;

/// <summary>How far <see cref="BatchRenorm"/> may correct: R within [1/R_max, R_max] and D within [−D_max, D_max], step by step.</summary>
/// <remarks>Up to <see cref="WarmUpSteps"/> they are 1 and 0, which is batch normalization. Then they grow linearly, and reach their last values at <see cref="RMaxSteps"/> and <see cref="DMaxSteps"/>.</remarks>
public sealed record RenormLimits
{
    /// <summary>Limits that hold from the first step on, unless a warm-up is set.</summary>
    /// <param name="rMax">R_max, ≥ 1; may be infinite.</param>
    /// <param name="dMax">D_max, ≥ 0; may be infinite.</param>
    /// <exception cref="ArgumentOutOfRangeException">One is out of range.</exception>
    public RenormLimits(double rMax, double dMax)
    {
        RMax = Throw.IfBelow(rMax, 1, nameof(rMax));
        DMax = Throw.IfBelow(dMax, 0, nameof(dMax));
    }

    /// <summary>The schedule of the paper: none for 5,000 steps; R_max = 3 at 40,000 and D_max = 5 at 25,000.</summary>
    public static RenormLimits Paper { get; } = new(3, 5) { WarmUpSteps = 5_000, RMaxSteps = 40_000, DMaxSteps = 25_000 };

    /// <summary>R_max at the end.</summary>
    public double RMax { get; }

    /// <summary>D_max at the end.</summary>
    public double DMax { get; }

    /// <summary>The steps without a correction, ≥ 0.</summary>
    public long WarmUpSteps { get; init => field = Throw.IfBelow(value, 0, nameof(WarmUpSteps)); }

    /// <summary>The step from which on R_max holds; below <see cref="WarmUpSteps"/> counts as that.</summary>
    public long RMaxSteps { get; init => field = Throw.IfBelow(value, 0, nameof(RMaxSteps)); }

    /// <summary>The step from which on D_max holds; below <see cref="WarmUpSteps"/> counts as that.</summary>
    public long DMaxSteps { get; init => field = Throw.IfBelow(value, 0, nameof(DMaxSteps)); }

    /// <summary>All of them by name, as they are saved.</summary>
    internal (string Name, double Value)[] Numbers => [("r_max", RMax), ("d_max", DMax), ("warm_up_steps", WarmUpSteps), ("r_max_steps", RMaxSteps), ("d_max_steps", DMaxSteps)];

    /// <summary>The limits of one step.</summary>
    /// <param name="step">The batches seen before it.</param>
    public (double RMax, double DMax) At(long step) => (Grown(step, 1, RMax, RMaxSteps), Grown(step, 0, DMax, DMaxSteps));

    private double Grown(long step, double from, double to, long end) =>
        step < WarmUpSteps ? from : step >= end ? to : from + (to - from) * ((double)(step - WarmUpSteps) / (end - WarmUpSteps)) is var value && double.IsNaN(value) ? from : value;
}
