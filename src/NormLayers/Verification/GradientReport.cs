using System.Globalization;
using System.Text;

namespace NormLayers.Verification;

/// <summary>How far the gradient of one tensor is from its difference quotients.</summary>
/// <param name="Tensor">The parameter's name, or <c>input</c>.</param>
/// <param name="Elements">How many elements were compared: all of them.</param>
/// <param name="LargestGradient">The largest absolute gradient of the tensor.</param>
/// <param name="Tolerance">The largest error allowed, absolute.</param>
/// <param name="LargestError">The largest absolute difference between gradient and quotient; NaN if either is.</param>
/// <param name="WorstIndex">The element it belongs to.</param>
/// <param name="Analytic">The gradient of that element.</param>
/// <param name="Numeric">The difference quotient of that element.</param>
public sealed record TensorGradientError(
    string Tensor, int Elements, double LargestGradient, double Tolerance, double LargestError, int WorstIndex, double Analytic, double Numeric)
{
    /// <summary>Whether the error is within the tolerance; NaN and infinity never are.</summary>
    public bool Passed => double.IsFinite(LargestError) && LargestError <= Tolerance;

    /// <summary>Whether every gradient is zero or below 100 times the tolerance, so that passing says little.</summary>
    public bool Vacuous => !(LargestGradient > 0 && LargestGradient >= 100 * Tolerance);
}

/// <summary>The outcome of a gradient check: a row for each tensor.</summary>
/// <param name="Tensors">The parameters in order, then the input.</param>
public sealed record GradientReport(IReadOnlyList<TensorGradientError> Tensors)
{
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
                : string.Create(CultureInfo.InvariantCulture, $"WRONG at [{row.WorstIndex}]: gradient {row.Analytic:g9}, difference quotient {row.Numeric:g9}"));
        }

        return text.ToString();
    }
}
