using System.Globalization;
using System.Text.Json.Nodes;
using NormLayers.Cli.Tests.Support;

namespace NormLayers.Cli.Tests;

/// <summary>What becomes of a trained model: saved, and used on data.</summary>
public sealed class ModelTests : IDisposable
{
    private readonly Tool _tool = new();

    public void Dispose() => _tool.Dispose();

    [Fact]
    public void Predict_Digits_SaysClassAndProbabilityOfEach()
    {
        JsonObject trained = _tool.Run("train", "--data", "digits", "--epochs", "3", "--save", "m.safetensors", "--json", "-q").Expect(0).Json;

        ToolResult csv = _tool.Run("predict", "--model", "m.safetensors", "--data", "digits").Expect(0);
        JsonObject json = _tool.Run("predict", "--model", "m.safetensors", "--data", "digits", "--json", "--probabilities").Expect(0).Json;
        JsonObject evaluation = _tool.Run("evaluate", "--model", "m.safetensors", "--data", "digits", "--json").Expect(0).Json;

        string[] lines = csv.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal("sample,class,probability", lines[0]);
        Assert.Equal(1797, lines.Length - 1);
        Assert.Contains("note: the model was trained on samples of digits", csv.Error, StringComparison.Ordinal);
        JsonArray predictions = json["predictions"]!.AsArray();
        Assert.Equal(
            lines.Skip(1), predictions.Select(p => string.Create(CultureInfo.InvariantCulture, $"{(int)p!["sample"]!},{(string?)p["class"]},{(float)p["probability"]!:R}")));
        Assert.All(predictions, p => Assert.Equal((float)p!["probability"]!, p["probabilities"]!.AsArray().Max(v => (float)v!)));
        Assert.Equal((double)trained["test_loss"]!, (double)evaluation["loss"]!);
        Assert.Equal((double)trained["test_accuracy"]!, (double)evaluation["accuracy"]!);
        Assert.Equal(("test", 500), ((string?)evaluation["data"]!["part"], (int)evaluation["data"]!["samples"]!));
        Assert.Equal(500, evaluation["confusion"]!.AsArray().Sum(row => row!.AsArray().Sum(n => (int)n!)));
        JsonObject onTrain = _tool.Run("evaluate", "--model", "m.safetensors", "--data", "digits", "--part", "train", "--json").Expect(0).Json;
        Assert.Equal((double)trained["train_loss"]!, (double)onTrain["loss"]!);
        Assert.Equal(["m.safetensors"], _tool.List());
    }

    /// <summary>A layer that reads its scale and shift from the sample: trained, continued, saved, used and exported like any other.</summary>
    [Fact]
    public void DynamicLayerNorm_EveryCommand_TakesIt()
    {
        const string Train = "train --mode dynamiclayernorm --data digits --json -q";
        JsonObject whole = _tool.Run(Words($"{Train} --epochs 4 --save whole.st --checkpoint c.st")).Expect(0).Json;
        JsonObject resumed = _tool.Run(Words($"{Train} --epochs 4 --save again.st --resume c.st")).Expect(0).Json;
        Assert.Equal((double)whole["test_loss"]!, (double)resumed["test_loss"]!);
        Assert.Equal((double)whole["test_loss"]!, (double)_tool.Run(Words("evaluate --model whole.st --data digits --json")).Expect(0).Json["loss"]!);
        Assert.Equal(1798, _tool.Run(Words("predict --model whole.st --data digits -q")).Expect(0).Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        _tool.Run(Words("export --model whole.st --output m.onnx")).Expect(0);
        Assert.Equal(
            ["layernorm", "dynamiclayernorm"],
            _tool.Run(Words("compare --modes layernorm,dynamiclayernorm --seeds 2 --epochs 1 --json -q")).Expect(0).Json["modes"]!.AsArray().Select(m => (string?)m!["mode"]));
        _tool.Run(Words("sweep --mode layernorm,dynamiclayernorm --learning-rate 0.01:0.1:log2 --seeds 1 --epochs 1 -q")).Expect(0);
        _tool.Run(Words("train --mode dynamiclayernorm --data digits --set model.network=patches --epochs 1 -q")).Expect(0);
    }

    [Theory]
    [InlineData("", "test_loss")]
    [InlineData("--part train", "train_loss")]
    public void Evaluate_Csv_UsesWhatTheModelWasStandardizedWith(string part, string loss)
    {
        _tool.Write("d.csv", Table("a,b,kind", withLabel: true));
        JsonObject trained = _tool.Run(Words("train --data csv --data-path d.csv --set data.n_test=40 --epochs 5 --save m.st --json -q")).Expect(0).Json;

        ToolResult evaluated = _tool.Run(Words($"evaluate --model m.st --data csv --data-path d.csv {part} --json")).Expect(0);

        Assert.Equal((double)trained[loss]!, (double)evaluated.Json["loss"]!);
        Assert.Contains("the labels are in column 'kind'", evaluated.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--data digits", 1797)]
    [InlineData("--data idx --data-path m", 120)]
    public void Predict_PartOfTheData_NumbersSamplesByTheirPlaceInIt(string data, int count)
    {
        _tool.WriteImages("m", 90, 30);
        _tool.Run(Words($"train {data} --epochs 1 --set data.n_test=20 --set data.n_train=70 --save m.st -q")).Expect(0);

        string[] all = Lines("all");
        string[] test = Lines("test");
        string[] train = Lines("train");

        Assert.Equal(Enumerable.Range(0, count), all.Select(SampleOf));
        Assert.Equal((20, 70), (test.Length, train.Length));
        Assert.All(train, l => Assert.Equal(all[SampleOf(l)], l));
        Assert.All(test, l => Assert.Equal(all[SampleOf(l) + (count == 120 ? 90 : 0)].Split(',')[1..], l.Split(',')[1..]));
        Assert.All((string[][])[test, train], part => Assert.Equal(part.Select(SampleOf).Distinct().Order(), part.Select(SampleOf)));
        Assert.NotEqual(Enumerable.Range(0, 20), test.Select(SampleOf));
        Assert.True(count == 120 || !test.Intersect(train).Any());

        string[] Lines(string part) => _tool.Run(Words($"predict --model m.st {data} --part {part} -q")).Expect(0).Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)[1..];

        static int SampleOf(string line) => int.Parse(line.Split(',')[0], CultureInfo.InvariantCulture);
    }

    [Theory]
    [InlineData("--data digits", "only the 30 samples held out then are used")]
    [InlineData("--data csv --data-path d.csv", "only the 30 samples held out then are used")]
    [InlineData("--data idx --data-path m", "only the 30 test samples of the training are used, of 50 in m")]
    [InlineData("--data synthetic --set data.standardize=true", "the test set of synthetic is used")]
    public void Evaluate_PartsOfTheTraining_AreItsVerySubsets(string data, string note)
    {
        _tool.WriteImages("m", 120, 50);
        _tool.Write("d.csv", Table("a,b,kind", withLabel: true));
        const string Limits = "--set data.n_train=80 --set data.n_test=30";
        JsonObject trained = _tool.Run(Words($"train {data} --epochs 2 {Limits} --save m.st --json -q")).Expect(0).Json;

        foreach ((string part, string set) in ((string, string)[])[("--part train", "train"), ("--part test", "test"), ("", "test")])
        {
            ToolResult evaluated = _tool.Run(Words($"evaluate --model m.st {data} {(data.Contains("synthetic", StringComparison.Ordinal) ? Limits : "")} {part} --json")).Expect(0);
            Assert.Equal((double)trained[set + "_loss"]!, (double)evaluated.Json["loss"]!);
            Assert.Equal((double)trained[set + "_accuracy"]!, (double)evaluated.Json["accuracy"]!);
            Assert.Equal(set == "train" ? 80 : 30, (int)evaluated.Json["data"]!["samples"]!);
            Assert.Equal(part.Length == 0, evaluated.Error.Contains(note, StringComparison.Ordinal));
            Assert.DoesNotContain("not the data", evaluated.Error, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Predict_ImagesOfAnotherFolder_AreToldApartByTheirContent()
    {
        _tool.WriteImages("m", 120, 50);
        _tool.WriteImages("same", 120, 50);
        _tool.WriteImages("other", 121, 50);
        _tool.Run(Words("train --data idx --data-path m --epochs 1 --set data.n_test=30 --save m.st -q")).Expect(0);

        ToolResult same = _tool.Run(Words("predict --model m.st --data idx --data-path same")).Expect(0);
        ToolResult other = _tool.Run(Words("predict --model m.st --data idx --data-path other")).Expect(0);

        Assert.Contains("--part test takes only the 30 test samples of the training", same.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("not the data", same.Error, StringComparison.Ordinal);
        Assert.Contains("note: these are not the data that the model was trained on\n", other.Error, StringComparison.Ordinal);
        Assert.Contains("the test set of other is used", other.Error, StringComparison.Ordinal);
        Assert.Equal(same.Output, other.Output);
    }

    [Fact]
    public void Predict_CsvWithoutLabels_IsAsWithThem()
    {
        _tool.Write("d.csv", Table("a,b,kind", withLabel: true));
        _tool.Write("u.csv", Table("a,b", withLabel: false));
        _tool.Write("n.csv", Table(null, withLabel: false));
        _tool.Run(Words("train --data csv --data-path d.csv --set data.n_test=40 --epochs 5 --save m.st -q")).Expect(0);

        string all = _tool.Run(Words("predict --model m.st --data csv --data-path d.csv")).Expect(0).Output;
        ToolResult unlabelled = _tool.Run(Words("predict --model m.st --data csv --data-path u.csv")).Expect(0);
        _tool.Run(Words("predict --model m.st --data csv --data-path n.csv --output p.csv -q")).Expect(0);

        Assert.Equal(all, unlabelled.Output);
        Assert.Equal(all, _tool.Read("p.csv"));
        Assert.Contains("no label column", unlabelled.Error, StringComparison.Ordinal);
        Assert.Equal(201, all.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        Assert.Contains("\"b,\"\"2\"\"\"", all, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("predict --model m.st --data digits", "digits: expected 2 features as the model takes, got 64")]
    [InlineData("predict --model no.st --data digits", "'no.st' does not exist")]
    [InlineData("predict --model . --data digits", "'.' is a folder, not a file")]
    [InlineData("predict --model d.csv --data digits", "'d.csv' cannot be read: expected a safetensors")]
    [InlineData("predict --model other.st --data digits", "with the metadata 'classifier' (widths, normalization, classes), got a file without it")]
    [InlineData("predict --model cut.st --data digits", "'cut.st' cannot be read: expected")]
    [InlineData("predict --model m.st --data csv --data-path d.csv --output m.st", "'m.st' is the model")]
    [InlineData("predict --model m.st --data csv --data-path d.csv --output d.csv", "'d.csv' is the data")]
    [InlineData("predict --model m.st --data csv --data-path d.csv --output .", "'.' is a folder")]
    [InlineData("evaluate --model m.st --data csv --data-path u.csv", "u.csv has no label column; labels are needed to evaluate")]
    [InlineData("evaluate --model m.st --data csv --data-path z.csv", "the label 'z' in column 'kind' is no class of the model")]
    [InlineData("evaluate --model m.st --data csv --data-path turned.csv", "'a' where 'b' is")]
    [InlineData("evaluate --model m.st --data csv --data-path one.csv --part test", "expected the data that the model was trained on")]
    [InlineData("evaluate --model m.st --data csv", "needs data.path")]
    [InlineData("evaluate --model m.st --data csv --data-path d.csv --part some", "'--part' must be one of")]
    [InlineData("train --data csv --data-path d.csv --save d.csv", "'d.csv' is the data; write the model to another file")]
    [InlineData("train --save x --output x", "'x' is the file of --output; write the model to another file")]
    [InlineData("train --save /proc/x", "is a device, not a file")]
    public void Run_WrongFiles_SaysWhat(string arguments, string expected)
    {
        _tool.Write("d.csv", Table("a,b,kind", withLabel: true));
        _tool.RunOnce(Words("train --data csv --data-path d.csv --set data.n_test=40 --epochs 1 --save m.st -q")).Expect(0);
        _tool.Write("u.csv", "1,2\n3,4\n");
        _tool.Write("one.csv", "a,b,kind\n1,2,a\n");
        _tool.Write("z.csv", "a,b,kind\n1,2,z\n");
        _tool.Write("turned.csv", "b,a,kind\n1,2,a\n");
        byte[] model = File.ReadAllBytes(Path.Combine(_tool.Folder, "m.st"));
        File.WriteAllBytes(Path.Combine(_tool.Folder, "cut.st"), model[..^3]);
        using (FileStream other = File.Create(Path.Combine(_tool.Folder, "other.st")))
        {
            new BatchNorm1D(3).Save(other);
        }

        string[] before = _tool.List();

        ToolResult result = _tool.Run(Words(arguments)).Expect(2);

        Assert.Contains(expected, result.Error, StringComparison.Ordinal);
        Assert.Contains("nothing was run", result.Error, StringComparison.Ordinal);
        Assert.Equal("", result.Output);
        Assert.Equal(before, _tool.List());
        Assert.Equal(model, File.ReadAllBytes(Path.Combine(_tool.Folder, "m.st")));
    }

    [Fact]
    public void Use_SamplesWithoutAFiniteOutput_FailsAndKeepsTheRest()
    {
        _tool.Write("d.csv", Table("a,b,kind", withLabel: true));
        _tool.RunOnce(Words("train --data csv --data-path d.csv --set data.n_test=40 --epochs 1 --save m.st -q")).Expect(0);
        _tool.Write("huge.csv", "a,b,kind\n1e9,2,a\n1e300,2,a\n1e9,3,a\n");
        const string Error = "error: 1 of 3 samples have no class, as the network's output for them is not finite: their features are too large for the model, or its weights are";

        ToolResult evaluated = _tool.Run(Words("evaluate --model m.st --data csv --data-path huge.csv --output e.json -q")).Expect(1);
        ToolResult predicted = _tool.Run(Words("predict --model m.st --data csv --data-path huge.csv -q --probabilities")).Expect(1);

        Assert.Equal((Error, Error), (evaluated.Error.TrimEnd(), predicted.Error.TrimEnd()));
        Assert.Contains("on 3 samples of huge.csv", evaluated.Output, StringComparison.Ordinal);
        JsonObject document = _tool.ReadJson("e.json");
        Assert.Null(document["loss"]);
        Assert.Equal(2, document["confusion"]!.AsArray().Sum(row => row!.AsArray().Sum(n => (int)n!)));
        Assert.Equal("1,,,,", predicted.Output.Split('\n')[2]);
    }

    [Theory]
    [InlineData("batchnorm")]
    [InlineData("dyt")]
    [InlineData("none")]
    public void Use_FeatureBeyondFloatsWithoutStandardization_CostsThatSampleOnly(string mode)
    {
        _tool.Write("d.csv", "a,b,kind\n" + string.Concat(Enumerable.Range(0, 100).Select(i => $"{i % 2},{i % 5},{(i % 2 == 0 ? "a" : "b")}\n")));
        _tool.Write("big.csv", "a,b\n1,2\n-1e300,2\n1e300,2\n0,3\n");
        _tool.Run(Words($"train --mode {mode} --data csv --data-path d.csv --set data.n_test=40 --set data.standardize=false --epochs 1 --save m.st -q")).Expect(0);

        ToolResult predicted = _tool.Run(Words("predict --model m.st --data csv --data-path big.csv -q")).Expect(1);

        Assert.Equal([false, true, true, false], predicted.Output.Split('\n')[1..5].Select(l => l.EndsWith(",,", StringComparison.Ordinal)));
        Assert.Contains("error: 2 of 4 samples have no class", predicted.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Use_WhatHasNoEffect_IsTold()
    {
        _tool.Write("d.csv", Table("a,b,kind", withLabel: true));
        _tool.RunOnce(Words("train --data csv --data-path d.csv --set data.n_test=40 --epochs 1 --save m.st -q")).Expect(0);

        Assert.StartsWith(
            "--data-path: error: has no effect with data.source synthetic; add --data csv or --data idx\n", _tool.Run(Words("predict --model m.st --data-path d.csv")).Expect(2).Error, StringComparison.Ordinal);
        Assert.StartsWith(
            "--model: error: synthetic: expected 2 features as the model takes, got 20; --data names other data\n", _tool.Run(Words("predict --model m.st")).Expect(2).Error, StringComparison.Ordinal);
        Assert.Contains("note: --seed has no effect on data that are read", _tool.Run(Words("predict --model m.st --data csv --data-path d.csv --seed 3")).Expect(0).Error, StringComparison.Ordinal);
        Assert.DoesNotContain("no effect", _tool.Run(Words("predict --model m.st --data csv --data-path d.csv")).Expect(0).Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Use_AnotherSourceThanInTraining_IsTold()
    {
        _tool.Write("d.csv", string.Join(',', Enumerable.Repeat("16", 64)) + "\n");
        _tool.Run(Words("train --data digits --epochs 1 --save m.st -q")).Expect(0);

        Assert.Contains("note: the model was trained on digits, and these are data of csv", _tool.Run(Words("predict --model m.st --data csv --data-path d.csv")).Expect(0).Error, StringComparison.Ordinal);
        Assert.DoesNotContain("data of", _tool.Run(Words("predict --model m.st --data digits")).Expect(0).Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Evaluate_ControlCharactersInClassesAndHeader_AreEscaped()
    {
        _tool.Write("d.csv", "\"x\nz\",y,kind\n" + string.Concat(Enumerable.Range(0, 100).Select(i => $"{i % 2},{i % 5},{(i % 2 == 0 ? "\"a\nc\"" : "b\u001B[31m\tb")}\n")));
        _tool.RunOnce(Words("train --data csv --data-path d.csv --set data.n_test=40 --epochs 1 --save m.st -q")).Expect(0);

        string[] lines = _tool.Run(Words("evaluate --model m.st --data csv --data-path d.csv -q")).Expect(0).Output.Split('\n');

        Assert.StartsWith("a\\nc ", lines[1], StringComparison.Ordinal);
        Assert.StartsWith("b\\u001B[31m\\u0009b ", lines[2], StringComparison.Ordinal);
        Assert.Equal(lines[1].Length, lines[2].Length);
    }

    [Fact]
    public void Evaluate_OneClassOfThem_IsEnough()
    {
        _tool.Write("d.csv", Table("a,b,kind", withLabel: true));
        _tool.RunOnce(Words("train --data csv --data-path d.csv --set data.n_test=40 --epochs 1 --save m.st -q")).Expect(0);
        _tool.Write("one.csv", "a,b,kind\n1,2,a\n2,2,a\n");

        ToolResult result = _tool.Run(Words("evaluate --model m.st --data csv --data-path one.csv --output e.json")).Expect(0);

        Assert.Contains("on 2 samples of one.csv (all)", result.Output, StringComparison.Ordinal);
        Assert.Null(_tool.ReadJson("e.json")["classes"]![1]!["recall"]);
    }

    [Fact]
    public void Save_DivergedTraining_LeavesTheOldModel()
    {
        _tool.Write("m.st", "old");

        ToolResult result = _tool.Run(Words("train --mode none --learning-rate 1e20 --save m.st")).Expect(1);

        Assert.Contains("the model is not saved, because its training diverged", result.Error, StringComparison.Ordinal);
        Assert.Equal("old", _tool.Read("m.st"));
    }

    [Fact]
    public void Save_FullDisk_LeavesTheOldModel()
    {
        Tool.SkipWithout("unshare", "mount");
        Assert.SkipUnless(_tool.RunScript("mkdir d && unshare --mount sh -c 'mount -t tmpfs -o size=12k none d'").ExitCode == 0, "nothing can be mounted here");

        ToolResult result = _tool.RunScript(
            $"unshare --mount bash -c \"mount -t tmpfs -o size=12k none d && echo old > d/m.st && {Tool.ShellName} train --epochs 1 --hidden-dim 400 -q --output r.json --save d/m.st; code=\\$?; cat d/m.st; ls -A d; exit \\$code\"").Expect(1);

        Assert.Contains("could not write the model", result.Error, StringComparison.Ordinal);
        Assert.EndsWith("old\nm.st\n", result.Output, StringComparison.Ordinal);
        Assert.Equal("completed", (string?)_tool.ReadJson("r.json")["status"]);
    }

    [Theory]
    [InlineData("predict --model")]
    [InlineData("train --resume")]
    public void Read_FileThatIsNone_IsRefused(string arguments)
    {
        Tool.SkipWithout();
        _tool.Write("f", "x");

        foreach (string path in (string[])["/dev/null", "f/m.st", "/proc/self/mem"])
        {
            Assert.StartsWith($"--{(arguments.Contains("model", StringComparison.Ordinal) ? "model" : "resume")}: error: ", _tool.Run([.. Words(arguments), path]).Expect(2).Error, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("/dev/zero")]
    [InlineData("/dev/urandom")]
    [InlineData("/dev/full")]
    public void Read_DeviceWithoutEnd_IsRefused(string path)
    {
        Tool.SkipWithout();
        foreach (string flag in (string[])["predict --model", "train --resume", "train --config", "train --data csv --data-path"])
        {
            string error = _tool.Run([.. Words(flag), path]).Expect(2).Error;

            Assert.StartsWith($"{flag.Split(' ')[^1]}: error: '{path}' is a device, not a file\n", error, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("predict --model")]
    [InlineData("train --resume")]
    [InlineData("train --config")]
    [InlineData("train --data csv --data-path")]
    public void Read_ClosedStandardInput_IsAnErrorAtOnce(string flag)
    {
        Tool.SkipWithout("timeout");
        foreach (string path in (string[])["/dev/stdin", "/proc/self/fd/0", "link"])
        {
            string error = _tool.RunScript($"ln -sf /dev/stdin link; timeout 60 {Tool.ShellName} {flag} {path} <&-").Expect(2).Error;

            Assert.StartsWith($"{flag.Split(' ')[^1]}: error: '{path}' cannot be read: standard input is closed\n", error, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Read_StandardInput_IsAFileAsAnyOther()
    {
        Tool.SkipWithout();
        _tool.Write("d.csv", Table("a,b,kind", withLabel: true));

        _tool.RunScript("nl train --data csv --data-path /dev/stdin --set data.n_test=40 --epochs 1 -q < d.csv").Expect(0);
        _tool.RunScript("cat d.csv | nl train --data csv --data-path /dev/stdin --set data.n_test=40 --epochs 1 -q").Expect(0);
        _tool.RunScript("nl train --config /dev/null --epochs 1 -q").Expect(0);
    }

    [Fact]
    public void Train_StoppedBeforeTheFirstStep_KeepsAllFiles()
    {
        Tool.SkipWithout("mkfifo", "head");
        _tool.Write("d.csv", Table("a,b,kind", withLabel: true));
        string[] files = ["m.st", "c.st", "o.json", "r.html", "p.svg"];
        Assert.All(files, f => _tool.Write(f, "old"));

        // The run waits at its first note until the pipe is read.
        ToolResult result = _tool.RunScript($"""
            mkfifo p; exec 3<>p; head -c 65536 /dev/zero >&3
            {Tool.ShellName} train --data csv --data-path d.csv --set data.n_test=40 --set logging.file=log --save m.st --checkpoint c.st --output o.json --report r.html --svg p.svg --tensorboard tb 2>&3 & run=$!
            until [ -s log ]; do sleep 0.05; done
            kill -TERM $run; sleep 2
            cat <&3 > seen & reader=$!
            wait $run; code=$?; sleep 0.5; kill $reader; exit $code
            """).Expect(143);

        Assert.All(files, f => Assert.Equal("old", _tool.Read(f)));
        Assert.DoesNotContain(_tool.List(), f => f.StartsWith("tb", StringComparison.Ordinal));
        Assert.Contains("cancelled", result.Output, StringComparison.OrdinalIgnoreCase);
        Assert.All(
            (string[])["--save", "--checkpoint", "--output", "--report", "--svg", "--tensorboard"],
            flag => Assert.Contains($"note: stopped before the first step: the file of {flag} is not written\n", _tool.Read("seen"), StringComparison.Ordinal));
    }

    [Fact]
    public void Save_StoppedTraining_IsToldWhereTheModelIsUsed()
    {
        ToolResult stopped = _tool.RunAndSignal(
            "INT",
            () => _tool.Exists("log") && _tool.Read("log").Contains("epoch 2:", StringComparison.Ordinal),
            Words("train --epochs 100000 --save m.st --json -q --set logging.file=log")).Expect(130);
        string note = $"the training of the model was stopped after {stopped.Json["steps"]} steps, before its end";

        ToolResult evaluated = _tool.Run(Words("evaluate --model m.st --json")).Expect(0);

        Assert.Contains("note: " + note, evaluated.Error, StringComparison.Ordinal);
        Assert.Contains(note, evaluated.Json["data"]!["remarks"]!.AsArray().Select(r => (string?)r));
        Assert.Contains("note: " + note, _tool.Run(Words("predict --model m.st")).Expect(0).Error, StringComparison.Ordinal);
        Assert.Contains("note: " + note, _tool.Run(Words("export --model m.st --output m.onnx")).Expect(0).Error, StringComparison.Ordinal);
        _tool.Run(Words("train --epochs 1 --save m.st -q")).Expect(0);
        Assert.DoesNotContain("before its end", _tool.Run(Words("evaluate --model m.st")).Expect(0).Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Save_Synthetic_IsTheSameTwice()
    {
        _tool.Run(Words("train --epochs 2 --save a.st -q")).Expect(0);
        _tool.Run(Words("--epochs 2 --save b.st -q --probe 7 --set logging.level=DEBUG")).Expect(0);

        Assert.Equal(File.ReadAllBytes(Path.Combine(_tool.Folder, "a.st")), File.ReadAllBytes(Path.Combine(_tool.Folder, "b.st")));
        Assert.Contains("other settings draw other classes", _tool.Run(Words("evaluate --model a.st --seed 3")).Expect(0).Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Export_Model_SaysWhatItWrote()
    {
        _tool.Write("d.csv", Table("a,b,kind", withLabel: true));
        _tool.Run(Words("train --mode layernorm --data csv --data-path d.csv --set data.n_test=40 --epochs 1 --save m.st -q")).Expect(0);

        byte[] model = File.ReadAllBytes(Path.Combine(_tool.Folder, "m.st"));
        _tool.Run(Words("predict --model m.st --data csv --data-path d.csv -q --set logging.file=m.st")).Expect(0);
        _tool.Run(Words("evaluate --model m.st --data csv --data-path d.csv -q --set logging.file=m.st")).Expect(0);
        Assert.Equal(model, File.ReadAllBytes(Path.Combine(_tool.Folder, "m.st")));
        ToolResult text = _tool.Run(Words("export --model m.st --output m.onnx")).Expect(0);
        JsonObject json = _tool.Run(Words("export --model m.st --output bare.onnx --without-standardization --softmax --json")).Expect(0).Json;

        Assert.Equal(
            "m.onnx: layernorm, ONNX opset 17; input features (batch, 2), output logits (batch, 2); it takes features as they are, and standardizes them\n", text.Output);
        Assert.Equal("left out", (string?)json["standardization"]);
        Assert.Equal(["logits", "probabilities"], json["outputs"]!.AsArray().Select(o => (string?)o));
        Assert.Contains("standardize.deviation", _tool.Read("m.onnx"), StringComparison.Ordinal);
        Assert.DoesNotContain("standardize.deviation", _tool.Read("bare.onnx"), StringComparison.Ordinal);
        Assert.Contains("is the model; write the results to another file", _tool.Run(Words("export --model m.st --output m.st")).Expect(2).Error, StringComparison.Ordinal);
        Assert.Contains("does not exist", _tool.Run(Words("export --model no.st --output m.onnx")).Expect(2).Error, StringComparison.Ordinal);
        Assert.Equal(["bare.onnx", "d.csv", "m.onnx", "m.st"], _tool.List());
    }

    [Fact]
    public void Export_WhatOnnxLacks_SaysWhy()
    {
        _tool.Run(Words("train --mode layernorm --epochs 1 --set model.epsilon=0 --save m.st -q")).Expect(0);

        Assert.Contains("'m.st' cannot be exported: norm1 cannot be written as ONNX: its ε is 0, and must be above 0\n", _tool.Run(Words("export --model m.st --output m.onnx")).Expect(1).Error, StringComparison.Ordinal);

        Assert.Equal(["m.st"], _tool.List());
    }

    private static string[] Words(string text) => text.Split(' ', StringSplitOptions.RemoveEmptyEntries);

    // Features far from 0, so that nothing works without the standardization; the classes alternate.
    private static string Table(string? header, bool withLabel) =>
        (header is null ? "" : header + "\n") + string.Concat(Enumerable.Range(0, 200).Select(i => string.Create(
            CultureInfo.InvariantCulture, $"{1e9 + i % 7 * 0.25 + i % 2},{i % 5}{(withLabel ? i % 2 == 0 ? ",a" : ",\"b,\"\"2\"\"\"" : "")}\n")));
}
