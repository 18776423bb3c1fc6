using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace NormLayers.Lab.Data;

/// <summary>Reads the numbers of a text file, whatever the computer's language.</summary>
/// <param name="decimalMark">What separates the fraction: a point or a comma.</param>
internal sealed class CsvNumber(char decimalMark)
{
    private static readonly string[] _missing = ["", "?", "-", ".", "NA", "N/A", "null", "none", "nil", "missing", "inf", "+inf", "-inf"];

    private readonly NumberFormatInfo _format = new() { NumberDecimalSeparator = decimalMark.ToString(), NumberGroupSeparator = " " };

    /// <summary>A finite number of double's range.</summary>
    public bool TryParse(ReadOnlySpan<char> field, out double value) => TryParse(field, _format, out value) && double.IsFinite(value);

    /// <summary>Whether a field is what tables write for a value that is not known, or a number that is not finite.</summary>
    public bool IsMissing(string field) =>
        _missing.Contains(field, StringComparer.OrdinalIgnoreCase) || (TryParse(field, _format, out double value) && !double.IsFinite(value));

    /// <summary>Whether a field is no number and no name either: one with another mark, digits without a letter, control characters other than the line breaks and tabs of a quoted field.</summary>
    public bool IsDamaged(string field) =>
        !TryParse(field, out _) && (HasOtherMark(field) || field.Any(c => char.IsControl(c) && c is not ('\n' or '\t')) || (field.Any(char.IsDigit) && !field.Any(char.IsLetter)));

    /// <summary>Whether a field would be a number with the other decimal mark.</summary>
    public bool HasOtherMark(ReadOnlySpan<char> field) =>
        new CsvNumber(decimalMark == ',' ? '.' : ',').TryParse(field, out _);

    /// <summary>The exact value of a number, with which other texts of the same value share it.</summary>
    public bool TryParseExactly(string field, [NotNullWhen(true)] out ExactNumber? value)
    {
        value = TryParse(field, out _) ? ExactNumber.Parse(field, decimalMark) : null;
        return value is not null;
    }

    // The parser of the runtime takes NUL characters behind a number for nothing.
    private static bool TryParse(ReadOnlySpan<char> field, NumberFormatInfo format, out double value)
    {
        value = 0;
        return !field.Contains('\0') && double.TryParse(field, NumberStyles.Float, format, out value);
    }
}

/// <summary>A decimal number without rounding: ±0.d₁d₂d₃… · 10^exponent, d₁ and the last digit not 0; zero has no digits.</summary>
internal sealed record ExactNumber(bool Negative, string Digits, long Exponent) : IComparable<ExactNumber>
{
    /// <summary>Takes apart a number as <see cref="double.Parse(string)"/> accepts it.</summary>
    public static ExactNumber Parse(string text, char decimalMark)
    {
        ReadOnlySpan<char> rest = text.AsSpan().Trim();
        bool negative = rest[0] == '-';
        rest = rest.TrimStart("+-");
        int e = rest.IndexOfAny('e', 'E');
        long exponent = 0;
        if (e >= 0)
        {
            // Where a double is finite, a larger exponent belongs to 0.
            exponent = long.TryParse(rest[(e + 1)..], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long given) ? given : 0;
            rest = rest[..e];
        }

        int mark = rest.IndexOf(decimalMark);
        string digits = mark < 0 ? rest.ToString() : string.Concat(rest[..mark], rest[(mark + 1)..]);
        exponent += mark < 0 ? rest.Length : mark;
        string significant = digits.TrimStart('0');
        exponent -= digits.Length - significant.Length;
        significant = significant.TrimEnd('0');
        return significant.Length == 0 ? new ExactNumber(false, "", 0) : new ExactNumber(negative, significant, exponent);
    }

    /// <summary>Whether the number has no fraction.</summary>
    public bool IsInteger => Digits.Length <= Exponent || Digits.Length == 0;

    public int CompareTo(ExactNumber? other)
    {
        int sign = Sign;
        if (other is null || sign != other.Sign)
        {
            return sign.CompareTo(other?.Sign ?? int.MinValue);
        }

        int magnitude = Exponent.CompareTo(other.Exponent);
        return sign * (magnitude != 0 ? magnitude : string.CompareOrdinal(Digits, other.Digits));
    }

    private int Sign => Digits.Length == 0 ? 0 : Negative ? -1 : 1;
}
