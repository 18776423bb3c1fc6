using System.Globalization;
using System.IO.Compression;
using System.Text.Json.Nodes;
using NormLayers.Cli.Tests.Support;

namespace NormLayers.Cli.Tests;

/// <summary>What the tool makes of data files as they are found.</summary>
public sealed class DataTests : IDisposable
{
    private static readonly string[] _quick = ["--no-progress", "--json"];

    private readonly Tool _tool = new();

    public void Dispose() => _tool.Dispose();

    [Fact]
    public void Train_Csv_SaysAndWritesWhatWasDecided()
    {
        _tool.Write("d.csv", Table(60, "0,1,target", i => $"{i % 7},{i % 2 * 3},{(i % 2 == 0 ? "even" : "odd")}"));

        ToolResult result = _tool.Run(["train", "--data", "csv", "--data-path", "d.csv", "--set", "data.n_test=10", "--epochs", "2", "--report", "r.html", "--set", "logging.file=logs/app.log", .. _quick]).Expect(0);

        const string Decided = "d.csv: line 1 is the header; fields separated by ','; 60 samples of 2 features; 2 classes in column 'target': 'even' (30), 'odd' (30)";
        Assert.Contains($"note: {Decided}\n", result.Error, StringComparison.Ordinal);
        Assert.Contains(Decided, _tool.Read("logs/app.log"), StringComparison.Ordinal);
        JsonNode data = result.Json["data"]!;
        Assert.Equal(("csv", "d.csv", true, "target"), ((string?)data["source"], (string?)data["name"], (bool)data["header"]!, (string?)data["label_column"]));
        Assert.Equal("""[{"name":"even","train":25,"test":5},{"name":"odd","train":25,"test":5}]""", data["classes"]!.ToJsonString());
        Assert.Equal(64, ((string)data["hash"]!).Length);
        string report = _tool.Read("r.html");
        Assert.All((string[])["Classes of d.csv", "even", "line 1 is the header"], text => Assert.Contains(text, report, StringComparison.Ordinal));
    }

    [Fact]
    public void Train_ReportOfManyClasses_IsCut()
    {
        _tool.Write("d.csv", Table(240, "a,k", i => $"{i},{i % 60}"));

        _tool.Run(["train", "--data", "csv", "--data-path", "d.csv", "--set", "data.n_test=60", "--epochs", "1", "--report", "r.html", .. _quick]).Expect(0);

        Assert.Contains("10 more", _tool.Read("r.html"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("1700000000", "1")]
    [InlineData("1700000000000", "1")]
    [InlineData("99999000", "0.01")]
    [InlineData("0", "1e-46")]
    [InlineData("0", "1e-310")]
    [InlineData("0", "1e300")]
    public void Train_FeaturesOfAnyScaleAndShift_AreLearnt(string shift, string scale)
    {
        (double start, double unit) = (double.Parse(shift, CultureInfo.InvariantCulture), double.Parse(scale, CultureInfo.InvariantCulture));
        _tool.Write("d.csv", Table(80, "t,constant,k", i => $"{start + unit * (i % 2 * 33 + i % 5):R},{start:R},{i % 2}"));

        JsonObject result = _tool.Run(["train", "--mode", "none", "--data", "csv", "--data-path", "d.csv", "--set", "data.n_test=20", "--epochs", "30", .. _quick]).Expect(0).Json;

        Assert.Equal(1, (double)result["train_accuracy"]!);
        Assert.Equal(1, (double)result["test_accuracy"]!);
    }

    [Fact]
    public void Train_HugeNumbersNotStandardized_AreAnError()
    {
        _tool.Write("d.csv", Table(20, "t,k", i => $"{i}e300,{i % 2}"));

        Assert.Contains(
            "standardize",
            _tool.Run(["train", "--data", "csv", "--data-path", "d.csv", "--set", "data.n_test=4", "--set", "data.standardize=false", .. _quick]).Expect(2).Error,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("cannot hold out 500 of the 20 samples of d.csv for the test, which has 2 classes; set n_test to 4, say", 20, 2, "500")]
    [InlineData("set n_test to 1, say", 4, 2, "3")]
    [InlineData("set n_test to 2, say", 12, 6, "7")]
    [InlineData("has 4 classes; a sample of each must be left", 4, 4, "1")]
    [InlineData("has 8 classes in 12 samples: it looks like no label column", 12, 8, "3")]
    [InlineData("3 training samples cannot hold the 4 classes of d.csv; raise n_train", 20, 4, "5", "3")]
    public void Train_DataThatCannotBeSplit_SaysWhy(string expected, int samples, int classes, string test, string train = "2000")
    {
        _tool.Write("d.csv", Table(samples, "t,k", i => $"{i},{i % classes}"));

        ToolResult result = _tool.Run(["train", "--data", "csv", "--data-path", "d.csv", "--set", $"data.n_test={test}", "--set", $"data.n_train={train}", .. _quick]).Expect(2);

        Assert.Contains(expected, result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Train_ClassOfOneSet_IsTold()
    {
        _tool.Write("d.csv", "u,kind\n0,a\n1,a\n2,a\n3,a\n4,a\n5,b\n6,b\n7,b\n8,b\n9,rare\n");

        string error = _tool.Run(["train", "--data", "csv", "--data-path", "d.csv", "--set", "data.n_test=7", "--batch-size", "3", "--epochs", "1", .. _quick]).Expect(0).Error;

        Assert.Contains("note: class 'rare' has no training samples; the test set has 1 of it", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Train_DecimalComma_IsAKey()
    {
        _tool.Write("d.csv", Table(40, "x;k", i => $"{i % 2},5;{i % 2}"));
        string[] train = ["train", "--data", "csv", "--data-path", "d.csv", "--set", "data.delimiter=;", "--set", "data.n_test=8", "--epochs", "20", .. _quick];

        Assert.Contains("decimal comma?", _tool.Run(train).Expect(2).Error, StringComparison.Ordinal);
        Assert.Equal(1, (double)_tool.Run([.. train, "--set", "data.decimal_mark=comma"]).Expect(0).Json["train_accuracy"]!);
    }

    [Fact]
    public void Train_IdxClasses_AreThoseOfTheLabels()
    {
        WriteImages("idx", 90, i => 1 + i % 26);

        JsonNode data = _tool.Run(["train", "--data", "idx", "--data-path", "idx", "--epochs", "1", .. _quick]).Expect(0).Json["data"]!;

        Assert.Equal(26, data["classes"]!.AsArray().Count);
        Assert.Equal("26", (string?)data["classes"]![25]!["name"]);
    }

    [Fact]
    public void Sweep_IdxOfThreeClassesWithLabelsAtRandom_Stalls()
    {
        WriteImages("idx", 90, i => (int)((uint)(i * 2654435761) >> 20) % 3);

        JsonNode cell = _tool.Run(["sweep", "--data", "idx", "--data-path", "idx", "--mode", "none", "--learning-rate", "0.1", "--seeds", "2", "--epochs", "2", .. _quick])
            .Expect(0).Json["cells"]![0]!;

        Assert.Equal("stalls", (string?)cell["outcome"]);
        Assert.InRange((double)cell["train_loss"]!["mean"]!, 0.9, 1.2);
    }

    [Fact]
    public void Sweep_FolderOfTrials_IsForTheContentOfTheDataWhereverItLies()
    {
        string before = Table(60, "u,k", i => $"{i % 2 * 3 + i % 5 * 0.1:R},{i % 2}");
        string after = before.Replace("3.1,1", "3.125,1", StringComparison.Ordinal);
        string[] sweep = ["sweep", "--data", "csv", "--mode", "none", "--learning-rate", "0.1", "--seeds", "2", "--epochs", "2", "--set", "data.n_test=20", "--folder", "f", .. _quick, "--data-path"];
        _tool.Write("d.csv", before);
        string first = _tool.Run([.. sweep, "d.csv"]).Expect(0).Output;

        _tool.Write("d.csv", after);
        ToolResult changed = _tool.Run([.. sweep, "d.csv"]).Expect(0);
        Assert.NotEqual(first, changed.Output);
        Assert.DoesNotContain("already", changed.Error, StringComparison.Ordinal);
        Assert.Equal(changed.Output, _tool.Run([.. sweep.Select(a => a == "f" ? "g" : a), "d.csv"]).Expect(0).Output);

        string path = _tool.Write("other/place.csv.gz", "");
        using (GZipStream packed = new(File.Create(path), CompressionLevel.Fastest))
        {
            packed.Write(System.Text.Encoding.UTF8.GetBytes(before));
        }

        Assert.Contains("2 trials are in 'f' already", _tool.Run([.. sweep, "other/place.csv.gz"]).Expect(0).Error, StringComparison.Ordinal);
        _tool.Write("d.csv", before);
        ToolResult again = _tool.Run([.. sweep, "d.csv"]).Expect(0);
        Assert.Contains("2 trials are in 'f' already", again.Error, StringComparison.Ordinal);
        Assert.Equal(first, again.Output);
    }

    [Fact]
    public void Sweep_IdxThatChanged_IsRunAgain()
    {
        string[] sweep = ["sweep", "--data", "idx", "--data-path", "idx", "--mode", "none", "--learning-rate", "0.1", "--seeds", "1", "--epochs", "1", "--folder", "f", .. _quick];
        WriteImages("idx", 30, i => i % 3);
        _tool.Run(sweep).Expect(0);
        WriteImages("idx", 30, i => (i + 1) % 3);

        Assert.DoesNotContain("already", _tool.Run(sweep).Expect(0).Error, StringComparison.Ordinal);
        Assert.Equal(2, Directory.GetFiles(Path.Combine(_tool.Folder, "f")).Length);
    }

    [Theory]
    [InlineData("\"seed\": 42", "\"seed\": 43")]
    [InlineData("\"status\": \"completed\"", "\"status\": \"cancelled\"")]
    [InlineData("\"status\": \"completed\"", "\"status\": \"diverged\"")]
    [InlineData("\"status\": \"completed\"", "\"status\": null")]
    [InlineData("\"steps\": 21", "\"steps\": 20")]
    [InlineData("\"library\": \"", "\"library\": \"0.0.1-")]
    [InlineData("\"data\": null", "\"data\": \"0123\"")]
    [InlineData("\"learning_rate\": 0.1", "\"learning_rate\": 0.2")]
    [InlineData("\"diverged_at_step\": null", "\"diverged_at_step\": 3")]
    [InlineData("\"train_accuracy\": 0", "\"train_accuracy\": 20")]
    [InlineData("\"train_loss\": ", "\"train_loss\": -")]
    [InlineData("\"config\": {", "\"config\": null, \"other\": {")]
    public void Sweep_TrialFileThatClaimsSomethingElse_IsRefused(string from, string to)
    {
        string[] sweep = ["sweep", "--mode", "none", "--learning-rate", "0.1", "--seeds", "1", "--epochs", "3", "--set", "data.n_train=200", "--set", "data.n_test=60", "--folder", "f", .. _quick];
        _tool.RunOnce(sweep).Expect(0);
        string path = Directory.GetFiles(Path.Combine(_tool.Folder, "f")).Single();
        string text = File.ReadAllText(path);
        Assert.Contains(from, text, StringComparison.Ordinal);
        File.WriteAllText(path, text.Replace(from, to, StringComparison.Ordinal));

        Assert.Contains("delete it to run its trial again", _tool.Run(sweep).Expect(1).Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Sweep_TwoProcessesIntoOneFolder_GiveTheSameResult()
    {
        string[] sweep = ["sweep", "--mode", "none", "--learning-rate", "0.01:1:log6", "--seeds", "3", "--epochs", "3", "--set", "data.n_train=200", "--set", "data.n_test=60", "--folder", "f", .. _quick];
        ToolResult[] both = await Task.WhenAll(Task.Run(() => _tool.Run(sweep)), Task.Run(() => _tool.Run(sweep)));

        Assert.Equal(both[0].Expect(0).Output, both[1].Expect(0).Output);
        Assert.Equal(18, Directory.GetFiles(Path.Combine(_tool.Folder, "f")).Length);
    }

    [Fact]
    public async Task Compare_DataFromAPipe_IsReadOnceForAllSeeds()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "no named pipes in folders");

        string text = Table(60, "u,k", i => $"{i % 2 * 3 + i % 5 * 0.1:R},{i % 2}");
        _tool.Write("d.csv", text);
        string pipe = Path.Combine(_tool.Folder, "p.csv");
        using System.Diagnostics.Process make = System.Diagnostics.Process.Start("mkfifo", [pipe]);
        await make.WaitForExitAsync(TestContext.Current.CancellationToken);
        string[] compare = ["compare", "--data", "csv", "--set", "data.n_test=20", "--seeds", "4", "--epochs", "2", .. _quick, "--data-path"];

        Task writing = Task.Run(() => File.WriteAllText(pipe, text), TestContext.Current.CancellationToken);
        JsonNode piped = _tool.Run([.. compare, "p.csv"]).Expect(0).Json;
        await writing;

        Assert.Equal(Losses(_tool.Run([.. compare, "d.csv"]).Expect(0).Json), Losses(piped));

        static string Losses(JsonNode document) => string.Join(' ', document["modes"]!.AsArray().SelectMany(m => m!["trials"]!.AsArray()).Select(t => t!["test_loss"]!.ToJsonString()));
    }

    private static string Table(int samples, string header, Func<int, FormattableString> row) =>
        header + "\n" + string.Concat(Enumerable.Range(0, samples).Select(i => FormattableString.Invariant(row(i)) + "\n"));

    private void WriteImages(string folder, int count, Func<int, int> label)
    {
        Directory.CreateDirectory(Path.Combine(_tool.Folder, folder));
        foreach (string part in (string[])["train", "t10k"])
        {
            byte[] labels = [.. Enumerable.Range(0, count).Select(i => (byte)label(i))];
            byte[] images = [.. Enumerable.Range(0, count * 4).Select(i => (byte)(i * 37))];
            File.WriteAllBytes(Path.Combine(_tool.Folder, folder, part + "-images-idx3-ubyte"), [0, 0, 8, 3, 0, 0, 0, (byte)count, 0, 0, 0, 2, 0, 0, 0, 2, .. images]);
            File.WriteAllBytes(Path.Combine(_tool.Folder, folder, part + "-labels-idx1-ubyte"), [0, 0, 8, 1, 0, 0, 0, (byte)count, .. labels]);
        }
    }
}
