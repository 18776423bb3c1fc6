using System.Globalization;
using System.Text;

namespace NormLayers.Verification;

/// <summary>How far the gradient of one tensor is from its difference quotients.</summary>
/// <param name="Tensor">The parameter's name, or <c>input</c>.</param>
/// <param name="Elements">How many elements were compared: all of them.</param>
/// <param name="LargestGradient">The largest absolute gradient of the tensor.</param>
/// <param name="Tolerance">The error that the worst element may have, absolute.</param>
/// <param name="LargestError">The difference between gradient and quotient of the worst element, the one nearest to its tolerance or farthest beyond; NaN if either is.</param>
/// <param name="WorstIndex">The worst element.</param>
/// <param name="Analytic">The gradient of that element.</param>
/// <param name="Numeric">The difference quotient of that element.</param>
public sealed record TensorGradientError(
    string Tensor, int Elements, double LargestGradient, double Tolerance, double LargestError, int WorstIndex, double Analytic, double Numeric)
{
    /// <summary>What is wrong beside the numbers: a second backward pass that did not add to a parameter's gradient, or did not overwrite the input's. Null if nothing is.</summary>
    public string? Fault { get; init; }

    /// <summary>Whether the error is within the tolerance, which NaN and infinity never are, and there is no fault.</summary>
    public bool Passed => Fault is null && double.IsFinite(LargestError) && LargestError <= Tolerance;

    /// <summary>Whether every gradient is zero or below 100 times the tolerance, so that passing says little.</summary>
    public bool Vacuous => !(LargestGradient > 0 && LargestGradient >= 100 * Tolerance);
}

/// <summary>The outcome of a gradient check: a row for each tensor.</summary>
/// <param name="Tensors">The parameters in order, then the input.</param>
public sealed record GradientReport(IReadOnlyList<TensorGradientError> Tensors)
{
    /// <summary>Why the quotients mean nothing: two forward passes on the same input differ. Null if they do not.</summary>
    public string? Hint { get; init; }

    /// <summary>Whether every tensor passed.</summary>
    public bool Passed => Tensors.All(t => t.Passed);

    /// <summary>A table for people.</summary>
    public override string ToString()
    {
        int width = Math.Max(6, Tensors.Max(t => t.Tensor.Length));
        StringBuilder text = new();
        text.Append(CultureInfo.InvariantCulture, $"{"tensor".PadRight(width)}  elements  largest gradient  largest error  tolerance");
        foreach (TensorGradientError row in Tensors)
        {
            text.AppendLine().Append(
                CultureInfo.InvariantCulture,
                $"{row.Tensor.PadRight(width)}  {row.Elements,8}  {row.LargestGradient,16:e2}  {row.LargestError,13:e2}  {row.Tolerance,9:e1}  ");
            text.Append(row.Passed
                ? row.Vacuous ? "ok (no gradient to speak of)" : "ok"
                : row.Fault is not null && row.LargestError <= row.Tolerance ? $"WRONG: {row.Fault}"
                : string.Create(CultureInfo.InvariantCulture, $"WRONG at [{row.WorstIndex}]: gradient {row.Analytic:g9}, difference quotient {row.Numeric:g9}"));
        }

        return Hint is null ? text.ToString() : text.AppendLine().Append(Hint).ToString();
    }
}
