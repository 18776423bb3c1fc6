using System.Globalization;
using System.Text.RegularExpressions;

namespace NormLayers.Cli.Configuration;

/// <summary>What an unquoted scalar is.</summary>
internal enum ScalarKind
{
    Null,
    Boolean,
    Integer,
    Number,
    Text,
}

/// <summary>The core schema of YAML 1.2 (§10.3.2): <c>no</c> and <c>on</c> are text, <c>1e-2</c> is a number.</summary>
internal static partial class CoreSchema
{
    public static ScalarKind KindOf(string text) =>
        NullPattern().IsMatch(text) ? ScalarKind.Null
        : BooleanPattern().IsMatch(text) ? ScalarKind.Boolean
        : IntegerPattern().IsMatch(text) ? ScalarKind.Integer
        : NumberPattern().IsMatch(text) ? ScalarKind.Number
        : ScalarKind.Text;

    public static bool ToBoolean(string text) => text[0] is 't' or 'T';

    /// <summary>The value of an integer; false if it does not fit 64 bits.</summary>
    public static bool TryToInteger(string text, out long value)
    {
        if (!text.StartsWith('0') || text.Length < 2 || char.IsDigit(text[1]))
        {
            return long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value);
        }

        value = 0;
        int radix = text[1] == 'x' ? 16 : 8;
        foreach (char digit in text.AsSpan(2))
        {
            if (value > (long.MaxValue - radix) / radix)
            {
                return false;
            }

            value = value * radix + Convert.ToInt32(digit.ToString(), 16);
        }

        return true;
    }

    /// <summary>The value of an integer or a number; beyond the range of a double it is infinite.</summary>
    public static double ToNumber(string text)
    {
        if (KindOf(text) == ScalarKind.Integer)
        {
            if (TryToInteger(text, out long integer))
            {
                return integer;
            }

            return text.StartsWith("0x", StringComparison.Ordinal) || text.StartsWith("0o", StringComparison.Ordinal)
                ? double.PositiveInfinity
                : double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture);
        }

        string digits = text.TrimStart('+', '-');
        double value = digits switch
        {
            ".inf" or ".Inf" or ".INF" => double.PositiveInfinity,
            ".nan" or ".NaN" or ".NAN" => double.NaN,
            _ => double.Parse(digits, NumberStyles.Float, CultureInfo.InvariantCulture),
        };
        return text.StartsWith('-') ? -value : value;
    }

    [GeneratedRegex(@"^(?:~|null|Null|NULL|)\z")]
    private static partial Regex NullPattern();

    [GeneratedRegex(@"^(?:true|True|TRUE|false|False|FALSE)\z")]
    private static partial Regex BooleanPattern();

    [GeneratedRegex(@"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)\z")]
    private static partial Regex IntegerPattern();

    [GeneratedRegex(@"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\z")]
    private static partial Regex NumberPattern();
}
