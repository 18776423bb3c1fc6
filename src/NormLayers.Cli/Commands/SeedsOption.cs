using System.CommandLine;
using NormLayers.Cli.Configuration;

namespace NormLayers.Cli.Commands;

/// <summary>The flag <c>--seeds</c>: how many seeds, from <c>data.random_seed</c> on.</summary>
/// <param name="missing">How many there are where nothing says it.</param>
internal sealed class SeedsOption(int missing)
{
    private static readonly IntegerType _type = new(1, 10_000);

    public Option<string> Option { get; } = new("--seeds")
    {
        Description = $"How many seeds: --seed, --seed + 1, and so on ({missing}).",
        HelpName = "n",
    };

    /// <summary>The seeds; none after an error.</summary>
    public IReadOnlyList<long> Read(ParseResult parsed, Settings settings, List<Diagnostic> errors, long? configured = null)
    {
        Origin origin = Origin.Flag(Option.Name);
        long count = FlagValue.Read(parsed, Option, _type, errors, configured ?? missing);
        long first = settings.Get(Keys.Seed);
        if (first > Keys.LargestSeed - count + 1)
        {
            errors.Add(new Diagnostic(origin, FormattableString.Invariant($"{count} seeds from {first} on go past the largest, {Keys.LargestSeed}")));
            return [];
        }

        return [.. Enumerable.Range(0, (int)count).Select(i => first + i)];
    }
}

/// <summary>Reads flags that stand for no key of the configuration, by the rules that keys have.</summary>
internal static class FlagValue
{
    public static T Read<T>(ParseResult parsed, Option<string> option, SettingType<T> type, List<Diagnostic> errors, T missing)
    {
        if (parsed.GetValue(option) is not { } text)
        {
            return missing;
        }

        Origin origin = Origin.Flag(option.Name);
        ScalarNode node = new(origin, text, IsPlain: true);
        if (type.TryRead(node, out T? value))
        {
            return value;
        }

        errors.Add(new Diagnostic(origin, $"'{option.Name}' must be {type.Expected}, got {node.Describe()}{type.Hint(node)}"));
        return missing;
    }
}
