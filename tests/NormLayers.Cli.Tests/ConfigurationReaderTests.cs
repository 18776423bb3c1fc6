using NormLayers.Cli.Configuration;
using NormLayers.Cli.Tests.Support;
using NormLayers.Numerics;

namespace NormLayers.Cli.Tests;

public sealed class ConfigurationReaderTests
{
    private const string Sample = """
        # a comment
        data: {n_train: 100, 'random_seed': 0x10, path: "a\tb"}
        model:
          hidden_dims:
            - 64
            - 32
          batchnorm_momentum: {old_weight: 0.9}
        training:
          learning_rate: 1e-2
          shuffle: false
        """;

    [Fact]
    public void Yaml_ThousandsOfMutations_NeverThrowAndAlwaysExplain()
    {
        const string Alphabet = " \t\n:-[]{}#&*!|>'\"%@`,?~0aé\0";
        RandomSource random = new(7);
        int rejected = 0;
        for (int run = 0; run < 5000; run++)
        {
            char[] text = Sample.ToCharArray();
            for (int edits = 1 + random.NextInt(4); edits > 0; edits--)
            {
                text[random.NextInt(text.Length)] = Alphabet[random.NextInt(Alphabet.Length)];
            }

            List<Diagnostic> errors = [];
            string yaml = new(text);
            YamlReader.Read(yaml[..(1 + random.NextInt(yaml.Length))], "f.yaml", SettingSource.File, errors);
            rejected += errors.Count > 0 ? 1 : 0;
            Assert.All(errors, e => Assert.Matches(@"^f\.yaml:\d+:\d+: error: \S", e.ToString()));
        }

        Assert.InRange(rejected, 500, 4900);
    }

    [Theory]
    [InlineData("~", ScalarKind.Null)]
    [InlineData("", ScalarKind.Null)]
    [InlineData("no", ScalarKind.Text)]
    [InlineData("on", ScalarKind.Text)]
    [InlineData("True", ScalarKind.Boolean)]
    [InlineData("tRUE", ScalarKind.Text)]
    [InlineData("0x1F", ScalarKind.Integer)]
    [InlineData("0o17", ScalarKind.Integer)]
    [InlineData("-12", ScalarKind.Integer)]
    [InlineData("1_000", ScalarKind.Text)]
    [InlineData("1e-2", ScalarKind.Number)]
    [InlineData(".5", ScalarKind.Number)]
    [InlineData("1.", ScalarKind.Number)]
    [InlineData("-.inf", ScalarKind.Number)]
    [InlineData("1e", ScalarKind.Text)]
    [InlineData("12\n", ScalarKind.Text)]
    public void KindOf_Scalar_FollowsTheCoreSchema(string text, object kind) =>
        Assert.Equal((ScalarKind)kind, CoreSchema.KindOf(text));

    [Theory]
    [InlineData("0x10", 16)]
    [InlineData("0o17", 15)]
    [InlineData("007", 7)]
    [InlineData("+5", 5)]
    [InlineData("-9223372036854775808", long.MinValue)]
    public void TryToInteger_Text_GivesItsValue(string text, long expected)
    {
        Assert.True(CoreSchema.TryToInteger(text, out long value));
        Assert.Equal(expected, value);
    }

    [Theory]
    [InlineData("9223372036854775808")]
    [InlineData("0x8000000000000000")]
    public void TryToInteger_Beyond64Bits_IsRefused(string text) => Assert.False(CoreSchema.TryToInteger(text, out _));

    [Fact]
    public void Document_EveryKey_IsDescribedWithItsDefault()
    {
        string[] rows = [.. File.ReadLines(Path.Combine(Snapshot.Root, "docs", "configuration.md")).Where(l => l.StartsWith("| `", StringComparison.Ordinal))];

        foreach (Key key in Keys.All)
        {
            string row = Assert.Single(rows, r => r.StartsWith($"| `{key.Path}` ", StringComparison.Ordinal));
            string value = key.ToJson(key.DefaultValue)?.ToJsonString().Trim('"') ?? "null";
            if (value[0] != '{')
            {
                Assert.Contains($"| `{value.Replace("1E-05", "1e-5", StringComparison.Ordinal)}` |", row, StringComparison.Ordinal);
            }
        }
    }
}
