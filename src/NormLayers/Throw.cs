using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Numerics;

namespace NormLayers;

/// <summary>All exceptions of the layers, each naming the argument, what was expected and what came.</summary>
[StackTraceHidden]
internal static class Throw
{
    [DoesNotReturn]
    public static void Argument(string name, string expected, string actual) =>
        throw new ArgumentException($"Expected {expected}, got {actual}.", name);

    [DoesNotReturn]
    public static void OutOfRange(string name, string expected, object actual) =>
        throw new ArgumentOutOfRangeException(name, actual, $"Expected {expected}, got {string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{actual}")}.");

    [DoesNotReturn]
    public static void Operation(string message) => throw new InvalidOperationException(message);

    /// <summary>Checks that a buffer holds exactly the elements of a shape.</summary>
    public static void IfLengthDiffers(int length, in Shape shape, string name)
    {
        if (length != shape.Length)
        {
            LengthDiffers(length, shape, name);
        }
    }

    /// <summary>Checks that a buffer is as long as another.</summary>
    public static void IfLengthDiffers(int length, int expected, string name)
    {
        if (length != expected)
        {
            Argument(name, $"{expected} elements", $"{length}");
        }
    }

    // Apart from the check, which is inlined into every pass.
    private static void LengthDiffers(int length, Shape shape, string name) => Argument(name, $"{shape.Length} elements for shape {shape}", $"{length}");

    /// <summary>Checks that what is overwritten is what is read, or memory apart from it.</summary>
    /// <param name="read">What is read.</param>
    /// <param name="written">What is overwritten.</param>
    /// <param name="what">What is read, in a word.</param>
    /// <param name="name">What is overwritten.</param>
    public static void IfOverlapsInPart(ReadOnlySpan<float> read, Span<float> written, string what, string name)
    {
        if (read.Overlaps(written, out int offset) && offset != 0)
        {
            PartOverlaps(offset, what, name);
        }
    }

    private static void PartOverlaps(int offset, string what, string name) => Argument(name, $"the {what} itself or memory apart from it", $"memory {offset} elements from it");

    /// <summary>Checks that a mask has a value for each row, or each position of channels, or where it may for each element.</summary>
    /// <param name="length">The mask's.</param>
    /// <param name="elements">The elements of the tensor.</param>
    /// <param name="together">How many elements share a value.</param>
    /// <param name="unit">What these are called: rows or positions.</param>
    /// <param name="orElements">Whether a value for each element will do.</param>
    /// <param name="name">The mask's name.</param>
    public static void IfMaskDiffers(int length, int elements, int together, string unit, bool orElements, string name)
    {
        int units = elements / together;
        if (length != units && !(orElements && length == elements))
        {
            Argument(name, $"a value for each of {units} {unit}{(orElements ? $", or for each of {elements} elements" : "")}", $"{length} values");
        }
    }

    /// <summary>Returns the shape of a layer's output; where the layer refuses the input's shape, the error names the argument that this comes from.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="shape">The shape of its input.</param>
    /// <param name="expected">What the argument should be.</param>
    /// <param name="actual">What it is.</param>
    /// <param name="name">The argument.</param>
    public static Shape IfRefused(Layer layer, Shape shape, string expected, string actual, string name)
    {
        try
        {
            return layer.OutputShape(shape);
        }
        catch (ArgumentException e)
        {
            throw new ArgumentException($"Expected {expected}, got {actual}. {e.Message.Replace($" (Parameter '{e.ParamName}')", "", StringComparison.Ordinal)}", name, e);
        }
    }

    /// <summary>Checks that a layer of one's own has a list of parameters, none of them null.</summary>
    public static void IfNoParameters(Layer layer, string name)
    {
        if (layer.Parameters is null || layer.Parameters.Contains(null!))
        {
            Argument(name, $"parameters of '{layer.Name}'", "null");
        }
    }

    /// <summary>Checks that the last dimension of a layer's input is the layer's number of features, and returns the shape.</summary>
    public static Shape IfLastDiffers(Shape shape, int features, string layer, string name)
    {
        if (shape.Rank == 0 || shape.Last != features)
        {
            Argument(name, $"a shape whose last dimension is {features} for {layer}", $"{shape}");
        }

        return shape;
    }

    /// <summary>Checks that a layer's input has samples whose last dimension is the layer's number of features, and returns the shape.</summary>
    public static Shape IfNoSamplesOf(int features, Shape shape, string layer, string name)
    {
        if (shape.Rank < 2 || shape.Last != features)
        {
            Argument(name, $"a shape (N, …, {features}) for {layer}", $"{shape}");
        }

        return shape;
    }

    /// <summary>Checks that a shape has channels, and returns it.</summary>
    public static Shape IfWithoutChannels(Shape shape, string name, string? layer = null)
    {
        if (shape.Rank < 2 || shape[1] == 0)
        {
            Argument(name, $"a shape (N, C, …) with C ≥ 1{(layer is null ? "" : $" for {layer}")}", $"{shape}");
        }

        return shape;
    }

    /// <summary>Checks that a count is at least 1, and returns it.</summary>
    public static int IfNotPositive(int value, string name) => IfBelow(value, 1, name);

    /// <summary>Checks that a number, which may be infinite, is at least another, and returns it.</summary>
    public static T IfBelow<T>(T value, T least, string name)
        where T : INumber<T>
    {
        if (!(value >= least))
        {
            OutOfRange(name, $"a number ≥ {least}", value);
        }

        return value;
    }

    /// <summary>Checks that a list has an element at a place, and returns it.</summary>
    public static int IfNoPlace(int index, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, count);
        return index;
    }

    /// <summary>Checks that channels can be divided into groups.</summary>
    public static void IfNotInGroups(int groups, int channels)
    {
        IfNotPositive(groups, nameof(groups));
        if (channels % groups != 0)
        {
            Argument(nameof(groups), $"a number of groups that divides the {channels} channels", $"{groups}");
        }
    }

    /// <summary>Checks that an enumeration has the value.</summary>
    public static void IfUndefined<T>(T value, string name)
        where T : struct, Enum
    {
        if (!Enum.IsDefined(value))
        {
            OutOfRange(name, $"one of {string.Join(", ", Enum.GetNames<T>())}", value);
        }
    }

    /// <summary>Checks that a number is finite and not negative, and returns it.</summary>
    public static double IfNegativeOrNotFinite(double value, string name)
    {
        if (!double.IsFinite(value) || value < 0)
        {
            OutOfRange(name, "a finite number ≥ 0", value);
        }

        return value;
    }

    /// <summary>Checks that a number is neither negative nor above the most that is allowed, and returns it.</summary>
    public static double IfNotUpTo(double most, double value, string name)
    {
        if (!(value >= 0 && value <= most))
        {
            OutOfRange(name, string.Create(System.Globalization.CultureInfo.InvariantCulture, $"a number from 0 to {most}"), value);
        }

        return value;
    }

    /// <summary>Checks that a number is finite as a float, and returns that.</summary>
    public static float IfNotFiniteFloat(double value, string name)
    {
        if (!float.IsFinite((float)value))
        {
            OutOfRange(name, "a number that is finite as a float", value);
        }

        return (float)value;
    }

    /// <summary>Checks that a number is finite and greater than 0.</summary>
    public static void IfNotPositiveOrNotFinite(double value, string name)
    {
        if (!double.IsFinite(value) || value <= 0)
        {
            OutOfRange(name, "a finite number > 0", value);
        }
    }
}
