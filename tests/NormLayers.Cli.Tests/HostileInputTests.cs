using System.Diagnostics;
using System.Text.Json.Nodes;
using NormLayers.Cli.Tests.Support;

namespace NormLayers.Cli.Tests;

/// <summary>Input that nobody would give on purpose: a clear message or the right result, and never an exception's text.</summary>
public sealed class HostileInputTests : IDisposable
{
    private static readonly string[] _sweep =
        ["sweep", "--epochs", "1", "-q", "--set", "data.n_train=20", "--set", "data.n_test=5", "--set", "training.batch_size=5", "--seeds", "1"];

    private readonly Tool _tool = new();

    public void Dispose() => _tool.Dispose();

    [Theory]
    [InlineData("1e999")]
    [InlineData("[1e999, 0.1]")]
    [InlineData("[NaN]")]
    [InlineData("[.nan, .inf]")]
    [InlineData("[-Infinity]")]
    public void Grid_OfNumbersThatAreNone_IsHarmlessOutsideSweepAndAnErrorInIt(string grid)
    {
        ToolResult result = _tool.Run("train", "--epochs", "1", "--verbose", "--set", "logging.level=DEBUG", "--set", $"sweep.learning_rate={grid}").Expect(0);
        Assert.DoesNotContain("unexpected", result.Error, StringComparison.Ordinal);

        Assert.Contains("'training.learning_rate' must be a number above 0", _tool.Run([.. _sweep, "--set", $"sweep.learning_rate={grid}"]).Expect(2).Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--learning-rate", "0.1,0.10,1e-1", """{"mode":["none"],"learning_rate":[0.1]}""")]
    [InlineData("--learning-rate", "0.1, +0.1,.1,0.2", """{"mode":["none"],"learning_rate":[0.1,0.2]}""")]
    [InlineData("--learning-rate", "0.1,0.1", """{"mode":["none"],"learning_rate":[0.1]}""")]
    [InlineData("--depth", "2,02,0x2", """{"mode":["none"],"depth":[2]}""")]
    [InlineData("--hidden-dim", "8,0o10,+8,9", """{"mode":["none"],"hidden_dim":[8,9]}""")]
    [InlineData("--bn-momentum", "0.1,1e-1", """{"mode":["none"],"batchnorm_momentum":[0.1]}""")]
    public void Grid_EqualValues_AreOneCell(string flag, string grid, string axes)
    {
        JsonObject sweep = _tool.Run([.. _sweep, "--mode", "none,NONE,None", flag, grid, "--json"]).Expect(0).Json;

        Assert.Equal(axes, sweep["axes"]!.ToJsonString());
        Assert.Equal(sweep["axes"]!.AsObject().Aggregate(1, (n, a) => n * a.Value!.AsArray().Count), sweep["cells"]!.AsArray().Count);
    }

    [Fact]
    public void Grid_EqualValues_AreTold() => Assert.Contains(
        "note: learning_rate: 3 values are 1, as equal ones count once",
        _tool.Run([.. _sweep.Where(a => a != "-q"), "--mode", "none", "--learning-rate", "0.1,0.10,1e-1"]).Expect(0).Error, StringComparison.Ordinal);

    [Theory]
    [InlineData("train", "--mode")]
    [InlineData("sweep", "--mode")]
    public void Mode_InCapitals_StandsInSmallLettersInTheDocument(string verb, string flag)
    {
        string output = _tool.Run([verb, .. _sweep[1..].Except(verb == "train" ? ["--seeds", "1"] : []), flag, "NONE", .. verb == "train" ? (string[])["--epochs=1"] : [], "--json"]).Output;

        Assert.DoesNotContain("NONE", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("config")]
    [InlineData("seed")]
    [InlineData("status")]
    [InlineData("steps")]
    [InlineData("library")]
    public void TrialFile_WithNull_IsNamedAndKept(string field)
    {
        string[] sweep = [.. _sweep, "--mode", "none", "--learning-rate", "0.1", "--folder", "f"];
        _tool.RunOnce(sweep).Expect(0);
        string file = Assert.Single(_tool.List(), f => f.EndsWith(".json", StringComparison.Ordinal));
        JsonObject trial = _tool.ReadJson(file);
        trial[field] = null;
        _tool.Write(file, trial.ToJsonString());

        AssertDamaged(sweep, file);
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("3")]
    [InlineData("{\"seed\":")]
    [InlineData("\0\0\0\0")]
    [InlineData("{\"seed\":1e99}")]
    public void TrialFile_ThatIsNone_IsNamedAndKept(string content)
    {
        string[] sweep = [.. _sweep, "--mode", "none", "--learning-rate", "0.1", "--folder", "f"];
        _tool.RunOnce(sweep).Expect(0);
        string file = Assert.Single(_tool.List(), f => f.EndsWith(".json", StringComparison.Ordinal));
        _tool.Write(file, content);

        AssertDamaged(sweep, file);
        Assert.Equal(content, _tool.Read(file));
    }

    [Fact]
    public void TrialFile_ConfigurationWithAKeyTwice_IsNamed()
    {
        string[] sweep = [.. _sweep, "--mode", "none", "--learning-rate", "0.1", "--folder", "f"];
        _tool.RunOnce(sweep).Expect(0);
        string file = Assert.Single(_tool.List(), f => f.EndsWith(".json", StringComparison.Ordinal));
        _tool.Write(file, _tool.Read(file).Replace("\"config\": {", "\"config\": {\"data\": 1,", StringComparison.Ordinal));

        AssertDamaged(sweep, file);
    }

    [Theory]
    [InlineData("lr-sweep", 63, 64)]
    [InlineData("batch-size", 127, 128)]
    [InlineData("ioffe-mnist", 12, 60)]
    [InlineData("noisy-bn", 59, 60)]
    [InlineData("landscape", 128, 129)]
    public void Experiment_FewerImagesThanABatch_IsAnError(string name, int count, int needed)
    {
        foreach ((string part, int images) in ((string, int)[])[("train", count), ("t10k", 10)])
        {
            byte[] labels = [.. Enumerable.Range(0, images).Select(i => (byte)(i % 10))];
            File.WriteAllBytes(Path.Combine(_tool.Folder, part + "-images-idx3-ubyte"), [0, 0, 8, 3, 0, 0, 0, (byte)images, 0, 0, 0, 1, 0, 0, 0, 1, .. labels]);
            File.WriteAllBytes(Path.Combine(_tool.Folder, part + "-labels-idx1-ubyte"), [0, 0, 8, 1, 0, 0, 0, (byte)images, .. labels]);
        }

        Assert.Contains(
            $"has {count} images to train on, and '{name}' needs {needed} or more",
            _tool.Run("experiment", name, "--data", ".").Expect(2).Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--hidden-dim", "65536")]
    [InlineData("--set", "model.hidden_dims=[10,65536,65536]")]
    public void Csv_LayerBeyondAnArray_IsAnErrorBeforeTraining(string flag, string value)
    {
        string row = string.Join(',', Enumerable.Repeat("0.5", 40_000));
        _tool.Write("wide.csv", string.Concat(Enumerable.Range(0, 8).Select(i => $"{i % 3},{row},{(char)('a' + i % 2)}\n")));

        Assert.Contains(
            "weights does not fit one array",
            _tool.Run("train", "--data", "csv", "--data-path", "wide.csv", "--set", "data.n_test=2", "--batch-size", "2", flag, value).Expect(2).Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("train", "--mode", "dynamiclayernorm", "--hidden-dim", "65536")]
    [InlineData("compare", "--modes", "layernorm,dynamiclayernorm", "--hidden-dim", "65536")]
    [InlineData("sweep", "--mode", "dynamiclayernorm", "--learning-rate", "0.1", "--hidden-dim", "65536")]
    [InlineData("bench", "--layer", "dynamiclayernorm", "--shape", "4x65536")]
    public void DynamicLayerNorm_MapsBeyondAnArray_AreAnErrorBeforeTraining(params string[] arguments)
    {
        ToolResult result = _tool.Run(arguments).Expect(2);

        Assert.Contains("a layer of 65536 x 65536 weights does not fit one array of 2147483591 numbers", result.Error, StringComparison.Ordinal);
        Assert.EndsWith("1 error; nothing was run.", result.Error.TrimEnd(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("train", "data.n_train=100000000")]
    [InlineData("train", "model.hidden_dims=[20000,20000]")]
    [InlineData("train", "model.hidden_dims=[65536,4000]")]
    [InlineData("train --mode dynamiclayernorm", "model.hidden_dim=9000")]
    [InlineData("compare --modes layernorm,dynamiclayernorm,none", "model.hidden_dim=9000")]
    public void Memory_ThatIsNotThere_IsAnErrorBeforeTraining(string command, string setting)
    {
        _tool.Environment["DOTNET_GCHeapHardLimit"] = "0x40000000";

        ToolResult result = _tool.Run([.. command.Split(' '), "--epochs", "1", "--set", setting]).Expect(2);

        Assert.Matches(@"take \d+\.\d GiB of memory or more, and there are 1\.0 GiB", result.Error);
        Assert.Empty(_tool.List());
    }

    [Theory]
    [InlineData("--set data.n_features=10000 --set model.patch_size=50", "take 1\\.[67] GiB of memory or more, and there are 1\\.0 GiB; lower n_train, n_features, the hidden widths, patch_size or batch_size")]
    [InlineData("--set data.n_features=250000 --set model.patch_size=50", "a mini-batch of 32 images, each cut into 203401 patches, does not fit one array")]
    [InlineData("--set data.n_features=374544 --set model.patch_size=271 --batch-size 8 --mode layernorm", "patches of 271x271 at a stride of 1 have more than 2147483591 elements in an image of 612x612")]
    public void Memory_ForPatchesThatIsNotThere_IsAnErrorBeforeTraining(string settings, string expected)
    {
        _tool.Environment["DOTNET_GCHeapHardLimit"] = "0x40000000";

        ToolResult result = _tool.Run(
            ["train", "--epochs", "1", "--set", "data.n_train=64", "--set", "data.n_test=9", "--set", "model.network=patches", "--set", "model.patch_stride=1", .. settings.Split(' ')]).Expect(2);

        Assert.Matches(expected, result.Error);
        Assert.Empty(_tool.List());
    }

    [Fact]
    public void Memory_ThatRunsOut_IsOneLine()
    {
        _tool.Environment["DOTNET_GCHeapHardLimit"] = "0x4000000";

        // 62.6 MiB of data are within 64 MiB; with what is computed from them they are not.
        ToolResult result = _tool.Run("train", "--epochs", "1", "-q", "--set", "data.n_train=820000").Expect(1);

        Assert.Contains("error: there is not enough memory", result.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("unexpected", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void SkipLines_BeyondTheEnd_EndsAtOnce()
    {
        _tool.Write("c.csv", "1,a\n2,b\n3,a\n4,b\n");
        Stopwatch watch = Stopwatch.StartNew();

        Assert.Contains("none after the 2147483647 lines to skip (data.skip_lines)", _tool.Run("train", "--data", "csv", "--data-path", "c.csv", "--set", "data.skip_lines=2147483647").Expect(2).Error, StringComparison.Ordinal);

        Assert.InRange(watch.Elapsed.TotalSeconds, 0, 15);
    }

    [Theory]
    [InlineData("data: {n_train: 1", 1_000_000)]
    [InlineData("data: {path: x", 1_000_000)]
    [InlineData("a", 1_000_000)]
    [InlineData("data: {n_train: [1", 1_000_000)]
    public void Configuration_HugeValue_IsAShortError(string start, int length)
    {
        string huge = start + new string(start[^1], length) + (start.Contains('[', StringComparison.Ordinal) ? "]}" : start.Contains('{', StringComparison.Ordinal) ? "}" : ": 1");
        _tool.Write("l.yaml", huge);

        ToolResult result = _tool.Run("train", "--config", "l.yaml", "--data", "csv").Expect(2);

        Assert.InRange(result.Error.Length, 20, 5000);
    }

    [Fact]
    public void Configuration_ManyErrors_AreCounted()
    {
        _tool.Write("l.yaml", "data:\n" + string.Concat(Enumerable.Range(0, 30_000).Select(i => FormattableString.Invariant($"  k{i}: 1\n"))));

        ToolResult result = _tool.Run("train", "--config", "l.yaml").Expect(2);

        Assert.EndsWith("29975 more are not shown. 30000 errors; nothing was run.\n", result.Error, StringComparison.Ordinal);
        Assert.InRange(result.Error.Length, 100, 20_000);
    }

    [Fact]
    public void Usage_ManyAndHugeWords_AreShort()
    {
        ToolResult result = _tool.Run([.. Enumerable.Range(0, 100).Select(i => FormattableString.Invariant($"--x{i}")), "--" + new string('y', 100_000)]).Expect(2);

        Assert.Contains("81 more errors are not shown.", result.Error, StringComparison.Ordinal);
        Assert.InRange(_tool.Run("--" + new string('y', 100_000)).Expect(2).Error.Length, 100, 5000);
    }

    [Theory]
    [InlineData("train", "--epochs", "1\u001b[31m")]
    [InlineData("train", "--data", "csv", "--data-path", "\u001b]0;owned\u0007.csv")]
    [InlineData("train", "--output", "a\nb\u001b[2J/")]
    [InlineData("train", "--set", "x\u009b31m.y=1")]
    [InlineData("train", "--config", "a\u202Eb\u001b[1A")]
    [InlineData("--\u001b[31m")]
    [InlineData("experiment", "\u001b[31mx")]
    [InlineData("bench", "--shape", "\u001b[31m")]
    [InlineData("sweep", "--learning-rate", "\u001b[31m,1")]
    public void Message_ControlCharacters_AreEscaped(params string[] arguments)
    {
        ToolResult result = _tool.Run(arguments).Expect(2);

        Assert.DoesNotContain(result.Error, c => (char.IsControl(c) && c is not ('\n' or '\r' or '\t')) || c == '\u202E');
        Assert.Matches(@"\\u(001B|009B|202E)", result.Error);
    }

    [Fact]
    public void Message_OfAPathThatIsWritten_IsEscapedAndTheFileHasItsName()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "no such names");

        ToolResult result = _tool.RunSmall("--output", "a\u001b[31m\nb.json").Expect(0);

        Assert.Contains("results written to a\\u001B[31m\\nb.json\n", result.Error, StringComparison.Ordinal);
        Assert.True(_tool.Exists("a\u001b[31m\nb.json"));
    }

    [Theory]
    [InlineData("train", "--output")]
    [InlineData("train", "--config")]
    [InlineData("train", "--data", "csv", "--data-path")]
    [InlineData("train", "--set")]
    [InlineData("compare", "--report")]
    [InlineData("sweep", "--svg")]
    [InlineData("sweep", "--folder")]
    [InlineData("sweep", "--mode")]
    [InlineData("bench", "--output")]
    [InlineData("experiment", "init-rank", "--output")]
    [InlineData("experiment", "lr-sweep", "--data")]
    public void Option_ValueThatIsEmptyOrNoUtf8_IsAUsageErrorAndNothingIsWritten(params string[] arguments)
    {
        string option = arguments[^1];

        Assert.Contains($"error: '{option}' needs a value, got ''", _tool.Run([.. arguments, ""]).Expect(2).Error, StringComparison.Ordinal);
        Assert.Contains($"error: '{option}' must be UTF-8 without U+FFFD, got 'x\uFFFD'", _tool.Run([.. arguments, "x\uFFFD"]).Expect(2).Error, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_tool.Folder));
    }

    [Fact]
    public void Output_NameThatIsNoUtf8_IsRefused()
    {
        Tool.SkipWithout();

        Assert.Contains("'--output' must be UTF-8", _tool.RunScript("nl train --epochs 1 --output $(printf 'a\\xff.json')").Expect(2).Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Bench_LayerThatIsNone_IsNamedOnOneLine() => Assert.Matches(
        "error: --layer: [^\n\\\\]*'Tanh'[^\n\\\\]*'layernorm'[^\n\\\\]*\n", _tool.Run("bench", "--layer", "Tanh").Expect(2).Error);

    [Theory]
    [InlineData("--set: error: expected section.key=value, got 'epochs'", "--set", "epochs")]
    [InlineData("--set: error: expected section.key=value, got '=3'", "--set", "=3")]
    [InlineData("a mini-batch of 100000 samples in a layer of width 65536 does not fit one array", "--set", "data.n_train=100000", "--batch-size", "100000", "--hidden-dim", "65536")]
    [InlineData("training.epochs", "--set", "training.epochs=0xffffffffffffffffff")]
    public void Setting_ThatCannotBe_IsAnErrorBeforeTraining(string message, params string[] arguments) =>
        Assert.Contains(message, _tool.Run(["train", .. arguments]).Expect(2).Error, StringComparison.Ordinal);

    [Fact]
    public void Setting_WithoutEffect_IsNoted() => Assert.Contains(
        "note: training.momentum has no effect with training.optimizer adam",
        _tool.RunSmall("--set", "training.optimizer=adam", "--set", "training.momentum=0.9", "--set", "model.batchnorm_momentum=cumulative").Expect(0).Error,
        StringComparison.Ordinal);

    [Fact]
    public void ArgumentWithAt_IsNoFileOfArguments()
    {
        _tool.Write("response", "--epochs\n1\n");

        Assert.Contains("'@response' is no verb or argument", _tool.Run("train", "@response").Expect(2).Error, StringComparison.Ordinal);
        _tool.RunSmall("--output", "@response.json").Expect(0);
        Assert.True(_tool.Exists("@response.json"));
    }

    private void AssertDamaged(string[] sweep, string file)
    {
        ToolResult result = _tool.Run(sweep).Expect(1);

        Assert.Contains(Path.GetFileName(file), result.Error, StringComparison.Ordinal);
        Assert.Contains("delete it to run its trial again", result.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("unexpected", result.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("NormLayers.Cli.", result.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("System.", result.Error, StringComparison.Ordinal);
    }
}
