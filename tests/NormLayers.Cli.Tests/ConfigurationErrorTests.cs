using NormLayers.Cli.Tests.Support;

namespace NormLayers.Cli.Tests;

public sealed class ConfigurationErrorTests : IDisposable
{
    private readonly Tool _tool = new();

    public void Dispose() => _tool.Dispose();

    [Theory]
    [InlineData("training:\n  epoch: 3", "config.yaml:2:3: error: unknown key 'epoch' in 'training'; did you mean 'epochs'?")]
    [InlineData("training:\n  hidden_dim: 3", "config.yaml:2:3: error: unknown key 'hidden_dim' in 'training'; it belongs in 'model'")]
    [InlineData("trainig: {epochs: 3}", "config.yaml:1:1: error: unknown section 'trainig'; did you mean 'training'?")]
    [InlineData("other: {epochs: 3}", "config.yaml:1:1: error: unknown section 'other'; known are logging, data, model, training, sweep")]
    [InlineData("epochs: 3", "config.yaml:1:1: error: unknown section 'epochs'; the key 'epochs' belongs in 'training'")]
    [InlineData("training:\n  epochs: 3\n  epochs: 4", "config.yaml:3:3: error: duplicate key 'epochs' in 'training'; the first is on line 2")]
    [InlineData("training: {batch_size: 0}", "config.yaml:1:24: error: 'training.batch_size' must be an integer from 1 to")]
    [InlineData("training: {learning_rate: -1}", "'training.learning_rate' must be a number above 0, at most 1e30, got -1")]
    [InlineData("training: {learning_rate: .nan}", "'training.learning_rate' must be a number above 0, at most 1e30, got .nan")]
    [InlineData("training: {epochs: \"30\"}", "'training.epochs' must be an integer from 1 to 1000000, got '30' in quotes; remove the quotes")]
    [InlineData("training: {epochs: 2.5}", "got 2.5")]
    [InlineData("training: {epochs: [3]}", "got [3]")]
    [InlineData("training: {epochs: 99999999999999999999}", "got 99999999999999999999")]
    [InlineData("training: {shuffle: no}", "'training.shuffle' must be true or false, got 'no'")]
    [InlineData("training:\n  epochs:\n", "config.yaml:2:3: error: 'training.epochs' must be an integer from 1 to 1000000, got nothing")]
    [InlineData("training: {optimizer: sgdd}", "'training.optimizer' must be one of sgd, adam, got 'sgdd'; did you mean 'sgd'?")]
    [InlineData("data: {n_classes: 1}", "'data.n_classes' must be an integer from 2 to 10000, got 1")]
    [InlineData("data: {n_train: 2}", "2 training samples cannot hold 3 classes; raise n_train")]
    [InlineData("data: {n_train: 2001}\ntraining: {batch_size: 100}", "2001 training samples in batches of 100 leave 1 for the last")]
    [InlineData("training: {batch_size: 1}", "got batch_size 1: one value per channel has no variance")]
    [InlineData("data: {n_train: 20}\ntraining: {drop_last: true}", "with drop_last no mini-batch is left")]
    [InlineData("data: {n_train: 100000000, n_features: 1000000}", "do not fit one array")]
    [InlineData("data: {source: csv}", "data.source csv needs data.path, the file to read")]
    [InlineData("data: {source: csv, path: no.csv}", "'no.csv' does not exist")]
    [InlineData("data: {source: idx, path: no}", "'no' does not exist")]
    [InlineData("data: {source: idx, path: config.yaml}", "'config.yaml' is a file, not a folder")]
    [InlineData("data: {source: digits, n_test: 1790}", "cannot hold out 1790 of the 1797 samples")]
    [InlineData("model: {hidden_dim: 8, hidden_dims: [8]}", "'model.hidden_dims' and 'model.hidden_dim' exclude each other")]
    [InlineData("model: {hidden_dims: []}", "got an empty list")]
    [InlineData("model:\n  normalization: groupnorm\n  groups: 5", "config.yaml:3:3: error: 5 groups do not divide a width of 32")]
    [InlineData("model: {normalization: groupnorm, groups: 32}", "32 groups of a width of 32 leave one value a group")]
    [InlineData("model: {normalization: weightstandardization, groups: 4, hidden_dims: [8, 6]}", "4 groups do not divide a width of 6")]
    [InlineData("model: {normalization: ghostbatchnorm, chunk_size: 1}", "'model.chunk_size' must be an integer from 2 to")]
    [InlineData("model: {normalization: batchrenorm, renorm_r_max: 0.5}", "'model.renorm_r_max' must be a number from 1 to")]
    [InlineData("model: {normalization: instancenorm}", "set model.network to patches, on images")]
    [InlineData("model: {network: patches}", "patches need square images of one channel, and 20 features are none")]
    [InlineData("model: {network: patches, patch_size: 6}\ndata: {n_features: 25}", "a patch of 6x6 does not fit an image of 5x5")]
    [InlineData("model: {normalization: ghostbatchnorm}\ntraining: {batch_size: 1}", "ghost batch normalization needs 2 samples or more in a mini-batch")]
    [InlineData("model: {batchnorm_momentum: 0.1}", "got 0.1: say what it weighs")]
    [InlineData("model: {batchnorm_momentum: {new_weight: 2}}", "got a mapping of keys")]
    [InlineData("model: 3", "config.yaml:1:8: error: expected the keys of 'model', got 3")]
    [InlineData("- 1", "config.yaml:1:1: error: expected the sections logging, data, model, training, sweep, got [1]")]
    [InlineData("a: [1,\nb: 2", "config.yaml:1:6: error: not valid YAML")]
    [InlineData("a: b: c", "config.yaml:1:5: error: not valid YAML")]
    [InlineData("model: &x {hidden_dim: 3}", "anchors and aliases are not read here")]
    [InlineData("model: {hidden_dim: !!int 3}", "tags are not read here")]
    [InlineData("model: {}\n---\ndata: {}", "config.yaml:2:1: error: only one YAML document is read")]
    [InlineData("x: [[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]", "nested more than 16 levels deep")]
    public void Configuration_Wrong_SaysWhereAndWritesNothing(string yaml, string expected)
    {
        _tool.Write("config.yaml", yaml);

        ToolResult result = _tool.Run("--output", "out/results.json").Expect(2);

        Assert.Contains(expected, result.Error, StringComparison.Ordinal);
        Assert.EndsWith("1 error; nothing was run.\n", result.Error.ReplaceLineEndings("\n"), StringComparison.Ordinal);
        Assert.Equal("", result.Output);
        Assert.Equal(["config.yaml"], _tool.List());
    }

    [Fact]
    public void Configuration_ManyErrors_ComeAtOnce()
    {
        _tool.Write("config.yaml", """
            logging:
              level: LOUD
            data:
              n_train: 2
              n_clases: 3
              n_test: "30"
            model:
              hidden_dims: [1, 0]
              normalization: batchnrom
            trainig:
              epochs: 3
            training:
              epochs: 3
              epochs: 4
              learning_rate: -1
            	batch_size: 0
            """.Replace("\t", "  ", StringComparison.Ordinal));
        _tool.Write(".env", "RANDOM_SEED=x\n");

        ToolResult result = _tool.Run("--mode", "layer", "--epochs", "many", "--set", "data.n_trian=3", "--output", "config.yaml").Expect(2);

        Snapshot.Match("errors-many", result.Error);
        Assert.Equal([".env", "config.yaml"], _tool.List());
    }

    [Fact]
    public void Set_WithoutAValue_IsNull()
    {
        Assert.Contains("'training.epochs' must be an integer from 1 to 1000000, got nothing", _tool.Run("--set", "training.epochs=").Expect(2).Error, StringComparison.Ordinal);

        _tool.Write("config.yaml", "model: {hidden_dims: [4, 4]}\n");
        Assert.Equal(32, (int)_tool.Run("--set", "model.hidden_dims=", "--epochs", "1", "--json", "-q").Expect(0).Json["config"]!["model"]!["hidden_dim"]!);
    }

    [Theory]
    [InlineData("none.yaml", "--config: error: 'none.yaml' does not exist")]
    [InlineData(".", "--config: error: '.' is a folder, not a file")]
    [InlineData("latin1.yaml", "--config: error: 'latin1.yaml' is not UTF-8 text (byte 2)")]
    [InlineData("large.yaml", "--config: error: 'large.yaml' is larger than 1024 KiB")]
    public void ConfigurationFile_Unreadable_IsAnError(string name, string expected)
    {
        File.WriteAllBytes(Path.Combine(_tool.Folder, "latin1.yaml"), [(byte)'#', (byte)' ', 0xE9, (byte)'\n']);
        _tool.Write("large.yaml", new string('#', (1 << 20) + 1));

        Assert.StartsWith(expected, _tool.Run("--config", name).Expect(2).Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a,b\n1,2\n1,x\n", "line 3")]
    [InlineData("a,label\n1,0\n2,1,3\n", "line 3")]
    public void Csv_Malformed_SaysWhichLine(string content, string expected)
    {
        _tool.Write("my.csv", content.Replace("1,x", "y,1", StringComparison.Ordinal));

        ToolResult result = _tool.Run("--data", "csv", "--data-path", "my.csv").Expect(2);

        Assert.Contains("my.csv, " + expected, result.Error, StringComparison.Ordinal);
        Assert.Equal(["my.csv"], _tool.List());
    }
}
