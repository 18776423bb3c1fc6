using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;
using NormLayers.Cli.Tests.Support;
using NormLayers.Lab.Training;
using NormLayers.Numerics;

namespace NormLayers.Cli.Tests;

/// <summary>Runs that are stopped, however they are, and go on.</summary>
public sealed class CheckpointTests : IDisposable
{
    private const string Training = "train --epochs 8 --set data.n_train=600 --set data.n_test=100 --probe 40 --set training.momentum=0.9 --quiet";
    private const string Kept = Training + " --checkpoint c.st --checkpoint-interval 7";

    private readonly Tool _tool = new();

    public void Dispose() => _tool.Dispose();

    [Fact]
    [Trait("Duration", "long")]
    public void Resume_AfterFiftyKills_EndsInTheSameBytes() => KillAndCompare(kills: 50, seed: 2);

    [Theory]
    [InlineData("INT", 130)]
    [InlineData("TERM", 143)]
    public void Resume_AfterASignal_GoesOnFromThatStep(string signal, int code)
    {
        // No run comes to its end.
        string endless = Training.Replace("--epochs 8", "--epochs 1000000", StringComparison.Ordinal);
        JsonObject stopped = _tool.RunAndSignal(signal, () => _tool.Exists("c.st"), Words(endless + " --checkpoint c.st --json")).Expect(code).Json;
        ToolResult refused = _tool.Run(Words(Kept + " --resume c.st")).Expect(2);
        Assert.Contains("'c.st' is of another training: training.epochs is 1000000 there and 8 here", refused.Error, StringComparison.Ordinal);

        string told = endless.Replace("--quiet", "", StringComparison.Ordinal);
        JsonObject again = _tool.RunAndSignalAfterLine(signal, Words(told + " --resume c.st --json")).Expect(code).Json;

        foreach (JsonObject run in (JsonObject[])[stopped, again])
        {
            Assert.Equal("cancelled", (string?)run["status"]);
        }

        Assert.InRange((long)stopped["steps"]!, 1, (long)again["steps"]!);
        foreach ((string name, JsonNode? before) in stopped["history"]!.AsObject())
        {
            JsonArray epochs = before!.AsArray();
            Assert.NotEmpty(epochs);
            if (name != "seconds")
            {
                Assert.Equal(epochs.Select(e => e!.ToJsonString()), again["history"]![name]!.AsArray().Take(epochs.Count).Select(e => e!.ToJsonString()));
            }
        }
    }

    [Theory]
    [InlineData("--epochs 3 --resume c.st", "training.epochs is 2 there and 3 here")]
    [InlineData("--epochs 2 --learning-rate 0.1 --resume c.st", "training.learning_rate is 0.05 there and 0.1 here")]
    [InlineData("--epochs 2 --mode none --resume c.st", "model.normalization is \"batchnorm\" there and \"none\" here")]
    [InlineData("--epochs 2 --set model.hidden_dims=[8] --resume c.st", "model.hidden_dims is null there and [8] here")]
    [InlineData("--epochs 2 --probe 3 --resume c.st", "training.probe_interval is 0 there and 3 here")]
    [InlineData("--epochs 2 --seed 7 --resume c.st", "the data differ")]
    [InlineData("--epochs 2 --resume no.st", "'no.st' does not exist")]
    [InlineData("--epochs 2 --resume .", "'.' is a folder, not a file")]
    [InlineData("--epochs 2 --resume m.st", "expected a checkpoint of a training, with the metadata 'checkpoint', got a file without it")]
    [InlineData("--epochs 2 --resume cut.st", "'cut.st' cannot be read: expected")]
    [InlineData("--epochs 2 --resume c.st --output c.st", "'c.st' is the checkpoint to go on from; write the results to another file")]
    [InlineData("--epochs 2 --resume c.st --set logging.file=c.st", "'c.st' is the checkpoint to go on from; write the log to another file")]
    [InlineData("--epochs 2 --resume c.st --checkpoint c.st --set logging.file=./c.st", "'./c.st' is the checkpoint to go on from; write the log to another file")]
    [InlineData("--epochs 2 --checkpoint x --set logging.file=x", "'x' is the file of --checkpoint; write the log to another file")]
    [InlineData("--epochs 2 --resume c.st --report c.st", "'c.st' is the checkpoint to go on from; write the report to another file")]
    [InlineData("--epochs 2 --resume c.st --svg c.st", "'c.st' is the checkpoint to go on from; write the picture to another file")]
    [InlineData("--epochs 2 --resume c.st --tensorboard c.st", "c.st' is a file, not a folder")]
    [InlineData("--epochs 3 --resume c.st --tensorboard tb --set logging.file=log", "training.epochs is 2 there and 3 here")]
    [InlineData("--epochs 2 --resume damaged.st --tensorboard tb", "cannot go on from 'damaged.st': expected")]
    [InlineData("--epochs 2 --resume c.st --save c.st", "'c.st' is the checkpoint to go on from; write the model to another file")]
    [InlineData("--epochs 2 --checkpoint x --save x", "'x' is the file of --checkpoint; write the model to another file")]
    [InlineData("--epochs 2 --checkpoint .", "'.' is a folder, not a file")]
    [InlineData("--epochs 2 --checkpoint /proc/x", "is a device, not a file")]
    [InlineData("--epochs 2 --checkpoint-interval 5", "needs --checkpoint, the file to write")]
    [InlineData("--epochs 2 --checkpoint c --checkpoint-interval 0", "'--checkpoint-interval' must be an integer")]
    public void Resume_WhatDoesNotFit_IsRefused(string arguments, string expected)
    {
        const string Quick = "train -q --set data.n_train=100 --set data.n_test=30 ";
        _tool.RunOnce(Words(Quick + "--epochs 2 --checkpoint c.st --save m.st")).Expect(0);
        byte[] checkpoint = Bytes("c.st");
        File.WriteAllBytes(Path.Combine(_tool.Folder, "cut.st"), checkpoint[..^9]);
        string text = Encoding.Latin1.GetString(checkpoint);
        File.WriteAllText(Path.Combine(_tool.Folder, "damaged.st"), text.Replace("\"order\"", "\"odder\"", StringComparison.Ordinal), Encoding.Latin1);
        string[] before = _tool.List();

        ToolResult result = _tool.Run(Words(Quick + arguments)).Expect(2);

        Assert.Contains(expected, result.Error, StringComparison.Ordinal);
        Assert.Equal(before, _tool.List());
        Assert.Equal(checkpoint, Bytes("c.st"));
    }

    [Theory]
    [InlineData("", " --report r.html", 0)]
    [InlineData(" --report r.html", "", 2)]
    public void Resume_ReportAddedOrLeftOut_KeepsTheProbesOfTheCheckpoint(string first, string then, int interval)
    {
        const string Quick = "train -q --set data.n_train=1280 --set data.n_test=30 --epochs 2 --save m.st --output r.json";
        _tool.Run(Words(Quick + " --checkpoint c.st" + first)).Expect(0);
        byte[] model = Bytes("m.st");
        int probes = Probes();

        _tool.Run(Words(Quick + " --resume c.st" + then)).Expect(0);

        Assert.Equal(model, Bytes("m.st"));
        Assert.Equal(interval == 0 ? 0 : 40, probes);
        Assert.Equal(probes, Probes());

        int Probes() => _tool.ReadJson("r.json")["probes"]?["step"]?.AsArray().Count ?? 0;
    }

    [Fact]
    public void Resume_OtherDataInTheSameFile_IsRefused()
    {
        _tool.RunScript("for i in $(seq 100); do echo \"$((i % 7)),$((i % 3)),$((i % 2))\"; done > d.csv").Expect(0);
        const string Csv = "train -q --data csv --data-path d.csv --set data.n_test=20 --epochs 2 ";
        _tool.Run(Words(Csv + "--checkpoint c.st")).Expect(0);
        _tool.RunScript("sed -i '1s/^1/2/' d.csv").Expect(0);

        Assert.Contains("the data differ: the content of 'd.csv' is another one here", _tool.Run(Words(Csv + "--resume c.st")).Expect(2).Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Checkpoint_FullDisk_IsToldAndTheRunGoesOn()
    {
        Tool.SkipWithout("unshare", "mount");
        Assert.SkipUnless(_tool.RunScript("mkdir d && unshare --mount sh -c 'mount -t tmpfs -o size=12k none d'").ExitCode == 0, "nothing can be mounted here");

        ToolResult result = _tool.RunScript(
            $"unshare --mount bash -c \"mount -t tmpfs -o size=12k none d && {Tool.ShellName} {Training} --hidden-dim 200 --checkpoint d/c.st --output r.json; code=\\$?; ls -A d; exit \\$code\"").Expect(1);

        Assert.Contains("could not write the checkpoint", result.Error, StringComparison.Ordinal);
        Assert.Single(result.Error.Split("could not write the checkpoint")[1..]);
        Assert.Equal("completed", (string?)_tool.ReadJson("r.json")["status"]);
        Assert.DoesNotContain("tmp", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Checkpoint_FolderReplacedMeanwhile_IsToldOnceAndTheRunGoesOn()
    {
        Tool.SkipWithout();

        // In one step, as the run makes a folder that is not there.
        ToolResult result = _tool.RunScript(
            $"mkdir real; ln -s real d; echo x > f; ln -s f n; {Tool.ShellName} train --epochs 800 --no-progress --checkpoint d/c.st --save m.st --output r.json & p=$!; until [ -e real/c.st ]; do sleep 0.02; done; mv -T n d; wait $p").Expect(1);

        Assert.Single(result.Error.Split("could not write the checkpoint")[1..]);
        Assert.Equal("completed", (string?)_tool.ReadJson("r.json")["status"]);
        Assert.Equal("x\n", _tool.Read("f"));
        Assert.True(_tool.Exists("m.st"));
    }

    [Theory]
    [InlineData("--checkpoint d/c.st")]
    [InlineData("--save d/m.st")]
    [InlineData("--tensorboard d")]
    [InlineData("--tensorboard d/tb")]
    public void Train_ReadOnlyFolder_IsRefusedBeforeTraining(string arguments)
    {
        Tool.SkipWithout("unshare", "mount");
        Assert.SkipUnless(_tool.RunScript("mkdir d && unshare --mount sh -c 'mount -t tmpfs -o ro none d'").ExitCode == 0, "nothing can be mounted here");

        ToolResult result = _tool.RunScript($"unshare --mount bash -c \"mount -t tmpfs -o ro none d && {Tool.ShellName} {Training} {arguments}\"").Expect(2);

        Assert.Contains("Read-only file system", result.Error, StringComparison.Ordinal);
        Assert.Contains("nothing was run", result.Error, StringComparison.Ordinal);
    }

    private void KillAndCompare(int kills, ulong seed)
    {
        string whole = Whole();
        long steps = (long)_tool.ReadJson("whole.json")["steps"]!;
        RandomSource random = new(seed);
        int wentOn = 0;
        for (int kill = 0; kill < kills; kill++)
        {
            bool resumes = _tool.Exists("c.st");
            if (resumes)
            {
                using MemoryStream checkpoint = new(Bytes("c.st"));
                wentOn += TrainingState.Read(checkpoint).Step < steps ? 1 : 0;
            }

            using Process process = _tool.StartForKill(Words(Kept + (resumes ? " --resume c.st" : "") + " --output r.json --save m.st"));
            Thread.Sleep(150 + random.NextInt(750));

            // The first is killed once it has left a checkpoint.
            while (kill == 0 && !_tool.Exists("c.st"))
            {
                Thread.Sleep(1);
            }

            process.Kill();
            process.WaitForExit();
        }

        _tool.Run(Words(Kept + " --resume c.st --output r.json --save m.st")).Expect(0);

        Assert.Equal(whole, Result("r.json", "m.st"));
        Assert.True(wentOn > 0, "no run went on from the middle of the training");
    }

    private string Whole()
    {
        _tool.Run(Words(Training + " --output whole.json --save whole.st")).Expect(0);
        return Result("whole.json", "whole.st");
    }

    // Results without times, and the model.
    private string Result(string document, string model)
    {
        JsonObject result = _tool.ReadJson(document);
        result.Remove("duration_seconds");
        result["history"]!.AsObject().Remove("seconds");
        return result.ToJsonString() + Convert.ToHexString(Bytes(model));
    }

    private byte[] Bytes(string name) => File.ReadAllBytes(Path.Combine(_tool.Folder, name));

    private static string[] Words(string text) => text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
}
