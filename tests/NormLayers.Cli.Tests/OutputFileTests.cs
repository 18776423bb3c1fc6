using System.Net.Sockets;
using NormLayers.Cli.Output;
using NormLayers.Cli.Tests.Support;

namespace NormLayers.Cli.Tests;

/// <summary>Which files a run writes, how, and which it leaves alone.</summary>
public sealed class OutputFileTests : IDisposable
{
    private const string Small = "train --epochs 1 --quiet --set data.n_train=200 --set data.n_test=60";

    private readonly Tool _tool = new();

    public void Dispose() => _tool.Dispose();

    [Theory]
    [InlineData('a', 250)]
    [InlineData('a', 222)]
    [InlineData('é', 122)]
    [InlineData('日', 80)]
    public void Output_LongNameThatIsLegal_IsWritten(char letter, int count)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "names have other limits elsewhere");
        string name = new string(letter, count) + ".json";

        _tool.Run([.. Small.Split(' '), "--output", name]).Expect(0);
        _tool.Run([.. Small.Split(' '), "--output", name]).Expect(0);

        Assert.Equal([name], _tool.List());
    }

    [Theory]
    [InlineData('a', 251, "")]
    [InlineData('日', 84, "")]
    [InlineData('a', 300, "/x.json")]
    [InlineData('a', 300, "/b/x.json")]
    public void Output_NameThatIsTooLong_IsRefusedBeforeTraining(char letter, int count, string rest)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "names have other limits elsewhere");
        string path = new string(letter, count) + (rest.Length > 0 ? rest : ".json");

        foreach (string flag in (string[])["--output", "--report", "--svg"])
        {
            Assert.Contains("nothing was run", _tool.Run([.. Small.Split(' '), flag, path]).Expect(2).Error, StringComparison.Ordinal);
        }

        _tool.Run("train", "--epochs", "1", "--set", $"logging.file={path}").Expect(2);
        _tool.Run("sweep", "--epochs", "1", "--folder", path + "/f").Expect(2);
        _tool.Run("experiment", "init-rank", "--output", path).Expect(2);
        _tool.Run("bench", "--output", path).Expect(2);
        Assert.Empty(_tool.List());
    }

    /// <summary>The name fits, and that of the file that is written beside it does not.</summary>
    [Fact]
    public void Train_OutputInAFolderOfTooLongAName_IsRefused()
    {
        Tool.SkipWithout();
        string folder = string.Concat(Enumerable.Repeat(new string('d', 100) + "/", 45));
        string path = folder[..(4085 - _tool.Folder.Length)].TrimEnd('/') + "/o";

        ToolResult result = _tool.Run("train", "--epochs", "1", "--output", path).Expect(2);

        Assert.Matches(@"--output: error: 'd+/.*… \(\d+ more characters\) ….*d/o' cannot be written: the name is too long\n", result.Error);
        Assert.Empty(_tool.List());
    }

    [Fact]
    public void Output_MountedFile_IsWrittenInPlace()
    {
        Tool.SkipWithout("unshare", "mount");
        _tool.Write("host.json", new string('x', 100_000));
        _tool.Write("r.json", "");
        ToolResult probe = _tool.RunScript("unshare --mount true");
        Assert.SkipUnless(probe.ExitCode == 0, "this user cannot mount");
        Assert.SkipUnless(_tool.RunScript("unshare --mount sh -c 'mount --bind host.json r.json'").ExitCode == 0, "nothing can be mounted here");

        _tool.RunScript($"unshare --mount bash -c \"mount --bind host.json r.json && {Tool.ShellName} {Small} --output r.json\"").Expect(0);

        Assert.Equal("completed", (string?)_tool.ReadJson("host.json")["status"]);
        Assert.Equal("", _tool.Read("r.json"));
        Assert.Equal(["host.json", "r.json"], _tool.List());
    }

    [Fact]
    public void Output_AnotherUsersFileInASharedFolder_IsWrittenInPlaceAndStaysTheirs()
    {
        SkipUnlessAnotherUserRuns();
        _tool.RunScript("chmod 755 . && mkdir -m 1777 st && echo x > st/o.json && chmod 666 st/o.json").Expect(0);

        _tool.RunScript($"HOME=$PWD setpriv --reuid=65534 --regid=65534 --clear-groups {Tool.ShellName} {Small} --output st/o.json").Expect(0);

        Assert.Equal("completed", (string?)_tool.ReadJson("st/o.json")["status"]);
        Assert.Equal("0 0 666\n", _tool.RunScript("stat -c '%u %g %a' st/o.json").Output);
        Assert.Equal(["st", "st/o.json"], _tool.List());
    }

    [Fact]
    public void Output_AnotherUsersFileThatMayNotBeWritten_IsRefusedBeforeTraining()
    {
        SkipUnlessAnotherUserRuns();
        _tool.RunScript("chmod 755 . && mkdir -m 1777 st && echo x > st/o.json && chmod 644 st/o.json").Expect(0);

        ToolResult result = _tool.RunScript($"HOME=$PWD setpriv --reuid=65534 --regid=65534 --clear-groups {Tool.ShellName} {Small} --output st/o.json").Expect(2);

        Assert.Contains("'st/o.json' cannot be written: permission denied", result.Error, StringComparison.Ordinal);
        Assert.Equal("x\n", _tool.Read("st/o.json"));
    }

    /// <summary>Every file that is read: the words and the path are ours, not the runtime's.</summary>
    [Theory]
    [InlineData("train --config st/secret", "--config: error: 'st/secret' cannot be read: permission denied")]
    [InlineData("train --data csv --data-path st/secret", "--data-path: error: 'st/secret' cannot be read: permission denied")]
    [InlineData("train --data idx --data-path st/shut", "--data-path: error: 'st/shut' cannot be read: permission denied")]
    [InlineData("experiment ioffe-mnist --data st/shut", "error: 'st/shut' cannot be read: permission denied")]
    [InlineData("train --data csv --data-path st/shut/x", "--data-path: error: 'st/shut/x' cannot be read: permission denied")]
    [InlineData("train --data idx --data-path st/shut/x", "--data-path: error: 'st/shut/x' cannot be read: permission denied")]
    [InlineData("experiment ioffe-mnist --data st/shut/x", "error: 'st/shut/x' cannot be read: permission denied")]
    [InlineData("train --config st/shut/x", "--config: error: 'st/shut/x' cannot be read: permission denied")]
    [InlineData("train --resume st/shut/x", "--resume: error: 'st/shut/x' cannot be read: permission denied")]
    [InlineData("predict --model st/shut/x --data digits", "--model: error: 'st/shut/x' cannot be read: permission denied")]
    [InlineData("train --output st/shut/x", "--output: error: 'st/shut/x' cannot be written: permission denied")]
    [InlineData("train --save st/shut/x", "--save: error: 'st/shut/x' cannot be written: permission denied")]
    [InlineData("train --tensorboard st/shut/x", "--tensorboard: error: 'st/shut/x' cannot be written: permission denied")]
    [InlineData("train --resume st/secret", "--resume: error: 'st/secret' cannot be read: permission denied")]
    [InlineData("predict --model st/secret --data digits", "--model: error: 'st/secret' cannot be read: permission denied")]
    [InlineData("evaluate --model st/secret --data digits", "--model: error: 'st/secret' cannot be read: permission denied")]
    [InlineData("export --model st/secret --output st/m.onnx", "--model: error: 'st/secret' cannot be read: permission denied")]
    public void Input_AnotherUsersFileThatMayNotBeRead_IsRefused(string arguments, string expected)
    {
        SkipUnlessAnotherUserRuns();
        _tool.RunScript("chmod 755 . && mkdir -m 1777 st && echo x > st/secret && chmod 600 st/secret && mkdir -m 700 st/shut && echo x > st/shut/x").Expect(0);

        string error = _tool.RunScript($"HOME=$PWD setpriv --reuid=65534 --regid=65534 --clear-groups {Tool.ShellName} {arguments}").Expect(2).Error;

        Assert.Contains(expected, error, StringComparison.Ordinal);
        Assert.DoesNotContain("denied.", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("600")]
    [InlineData("640")]
    [InlineData("666")]
    public void Output_FileThatIsThere_KeepsItsMode(string mode)
    {
        Tool.SkipWithout("stat");

        _tool.RunScript($"umask 022; echo > o.json; chmod {mode} o.json; nl {Small} --output o.json --report new.html").Expect(0);

        Assert.Equal($"{mode}\n644\n", _tool.RunScript("stat -c %a o.json new.html").Output);
        Assert.Equal("completed", (string?)_tool.ReadJson("o.json")["status"]);
    }

    [Theory]
    [InlineData("600")]
    [InlineData("644")]
    public void Output_FileThatIsThere_KeepsItsOwner(string mode)
    {
        SkipUnlessRoot();

        _tool.RunScript($"echo > o.json; chown 65534:65533 o.json; chmod {mode} o.json; nl {Small} --output o.json").Expect(0);

        Assert.Equal($"65534 65533 {mode}\n", _tool.RunScript("stat -c '%u %g %a' o.json").Output);
        Assert.Equal("completed", (string?)_tool.ReadJson("o.json")["status"]);
    }

    [Theory]
    [InlineData("mkfifo p", "p", "pipe")]
    [InlineData("mkfifo q; ln -s q p", "p", "pipe")]
    [InlineData("ln -s /dev dv", "dv/normlayers-x", "device")]
    [InlineData("mkdir a; ln -s /dev a/dv; ln -s a b", "b/dv/normlayers-x", "device")]
    public void Output_NoFile_IsRefusedAndStays(string setup, string path, string kind)
    {
        Tool.SkipWithout("mkfifo");
        _tool.RunScript(setup).Expect(0);

        foreach (string arguments in (string[])[$"{Small} --output {path}", $"train --epochs 1 --set logging.file={path}", $"experiment init-rank --svg {path}", $"bench --output {path}"])
        {
            Assert.Contains($"'{path}' is a {kind}, not a file", _tool.RunScript($"timeout 60 {Tool.ShellName} {arguments}").Expect(2).Error, StringComparison.Ordinal);
        }

        Assert.Equal("", _tool.RunScript("find . -type f; ls /dev | grep normlayers").Output);
    }

    [Fact]
    public void Output_Socket_IsRefusedAndStays()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "only Linux tells sockets from files");
        using Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(Path.Combine(_tool.Folder, "s")));

        Assert.Contains("'s' is a socket, not a file", _tool.Run([.. Small.Split(' '), "--output", "s"]).Expect(2).Error, StringComparison.Ordinal);

        Assert.Equal(["s"], _tool.List());
    }

    [Theory]
    [InlineData("--data csv --data-path real/t.csv --output link/t.csv", "'link/t.csv' is the data")]
    [InlineData("--data csv --data-path link/t.csv --output hard.csv", "'hard.csv' is the data")]
    [InlineData("--data csv --data-path soft.csv --report real/t.csv", "'real/t.csv' is the data")]
    [InlineData("--data csv --data-path real/t.csv --set logging.file=link/../real/t.csv", "'link/../real/t.csv' is the data")]
    [InlineData("--config real/c.yaml --output link/c.yaml", "'link/c.yaml' is the configuration")]
    [InlineData("--set logging.file=real/x --output link/x", "'link/x' is the log")]
    [InlineData("--output real/z --report link/z", "'link/z' is the file of --output")]
    [InlineData("--output real/z --svg ./link/../real/z", "is the file of --output")]
    [InlineData("--output old --report hardold", "'hardold' is the file of --output")]
    [InlineData("--output real/new/z --report link/new/z", "'link/new/z' is the file of --output")]
    [InlineData("--output x --report x/r.html", "'x/r.html' lies in the file of --output")]
    [InlineData("--output x/r.json --report x", "'x' is a folder of the file of --output")]
    [InlineData("--set logging.file=x --output x/o.json", "'x/o.json' lies in the log")]
    [InlineData("--data idx --data-path m --output m/train-labels-idx1-ubyte", "'m/train-labels-idx1-ubyte' is the data")]
    [InlineData("--data idx --data-path m --report ml/t10k-images-idx3-ubyte", "'ml/t10k-images-idx3-ubyte' is the data")]
    [InlineData("--data idx --data-path m --svg hardlabels", "'hardlabels' is the data")]
    [InlineData("--data idx --data-path m --set logging.file=m/train-images-idx3-ubyte", "'m/train-images-idx3-ubyte' is the data")]
    [InlineData("--data idx --data-path m --output m/train-images.idx3-ubyte", "has a name of the data")]
    public void Output_OverWhatIsReadOrWritten_IsRefused(string arguments, string expected)
    {
        Tool.SkipWithout();
        Prepare();
        string[] before = _tool.List();
        string sum = Checksum();

        Assert.Contains(expected, _tool.RunScript($"nl train --epochs 1 --batch-size 8 -q {arguments}").Expect(2).Error, StringComparison.Ordinal);

        Assert.Equal(before, _tool.List());
        Assert.Equal(sum, Checksum());
    }

    [Theory]
    [InlineData("--folder f --output f", "'f' is the folder of --folder")]
    [InlineData("--folder f/g --output f", "'f' is a folder of the folder of --folder")]
    [InlineData("--folder f --output l/../f", "is the folder of --folder")]
    [InlineData("--folder f --set logging.file=f", "'f' is the folder of --folder")]
    [InlineData("--folder real/f --report link/f", "'link/f' is the folder of --folder")]
    public void Sweep_FolderThatIsAFile_IsRefused(string arguments, string expected)
    {
        Tool.SkipWithout();
        Prepare();

        Assert.Contains(expected, _tool.RunScript($"nl sweep --epochs 1 -q {arguments}").Expect(2).Error, StringComparison.Ordinal);

        Assert.False(_tool.Exists("f"));
    }

    [Fact]
    public void Sweep_OutputInItsFolder_IsWritten() =>
        _tool.Run("sweep", "--epochs", "1", "--seeds", "1", "--mode", "none", "--learning-rate", "0.1", "-q", "--folder", "f", "--output", "f/sweep.json").Expect(0);

    [Theory]
    [InlineData("--output m/train-labels-idx1-ubyte")]
    [InlineData("--report ml/t10k-labels-idx1-ubyte")]
    [InlineData("--svg hardlabels")]
    public void Experiment_OverItsImages_IsRefused(string arguments)
    {
        Tool.SkipWithout();
        Prepare();
        string sum = Checksum();

        Assert.Contains("is the data", _tool.RunScript($"nl experiment noisy-bn --data m {arguments}").Expect(2).Error, StringComparison.Ordinal);

        Assert.Equal(sum, Checksum());
    }

    [Fact]
    public void Output_BesideTheImages_IsWritten()
    {
        Tool.SkipWithout();
        Prepare();

        _tool.RunScript("cd m && nl train --epochs 1 --batch-size 10 -q --data idx --data-path . --output results.json").Expect(0);
        _tool.RunScript("cd m && nl train --epochs 1 --batch-size 10 -q --data idx --data-path . --output results.json").Expect(0);

        Assert.Equal("completed", (string?)_tool.ReadJson("m/results.json")["status"]);
    }

    [Fact]
    public void TemporaryFile_OfAKilledRun_IsRemovedByTheNextAndOneInUseIsNot()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "files in use cannot be opened there at all");
        string left;
        using (FileStream stream = TemporaryFile.Create(_tool.Folder, secret: false))
        {
            left = Path.GetFileName(stream.Name);
        }

        using FileStream used = TemporaryFile.Create(_tool.Folder, secret: true);
        Assert.True(OperatingSystem.IsWindows() || File.GetUnixFileMode(used.SafeFileHandle) == (UnixFileMode.UserRead | UnixFileMode.UserWrite));

        _tool.Run([.. Small.Split(' '), "--output", "o.json"]).Expect(0);

        Assert.False(_tool.Exists(left));
        Assert.Equal([Path.GetFileName(used.Name), "o.json"], _tool.List());
    }

    [Fact]
    public async Task TemporaryFile_WhileOthersRemoveWhatIsLeft_IsThereToBeRenamed()
    {
        using CancellationTokenSource enough = new();
        Task[] removers = [.. Enumerable.Range(0, 2).Select(_ => Task.Run(() =>
        {
            while (!enough.IsCancellationRequested)
            {
                TemporaryFile.RemoveLeft(_tool.Folder);
            }
        }))];
        string path = Path.Combine(_tool.Folder, "o.json");

        for (int i = 0; i < 3000; i++)
        {
            using FileStream stream = TemporaryFile.Create(_tool.Folder, secret: false);
            File.Move(stream.Name, path, overwrite: true);
        }

        await enough.CancelAsync();
        await Task.WhenAll(removers);
        Assert.Equal(["o.json"], _tool.List());
    }

    [Fact]
    public void TemporaryFile_UnderItsNewName_CanBeOpenedBeforeItIsClosed()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "files in use cannot be opened there at all");
        string path = Path.Combine(_tool.Folder, "o.json");
        using FileStream stream = TemporaryFile.Create(_tool.Folder, secret: false);
        stream.WriteByte(7);
        stream.Flush();
        File.Move(stream.Name, path);

        Assert.Null(WritablePath.FindProblem(path));
        Assert.Equal([7], File.ReadAllBytes(path));
    }

    [Fact]
    public void Write_FullDisk_LeavesWhatWasThere()
    {
        SkipUnlessRoot("mount", "unshare");
        Assert.SkipUnless(_tool.RunScript("unshare --mount sh -c 'mkdir -p t && mount -t tmpfs -o size=64k none t'").ExitCode == 0, "nothing can be mounted here");

        ToolResult result = _tool.RunScript(
            $"unshare --mount bash -c \"mount -t tmpfs -o size=64k none t; echo mine > t/r.html; {Tool.ShellName} {Small} --output o.json --report t/r.html; echo \\$?; cat t/r.html; ls -A t\"");

        Assert.EndsWith("1\nmine\nr.html\n", result.Output, StringComparison.Ordinal);
        Assert.Matches("could not write the report: .*t/r.html'", result.Error);
        Assert.Equal("completed", (string?)_tool.ReadJson("o.json")["status"]);
    }

    private void Prepare()
    {
        _tool.Write("real/t.csv", string.Concat(Enumerable.Range(0, 60).Select(i => FormattableString.Invariant($"{i % 7},{i % 5},{(char)('a' + i % 2)}\n"))));
        _tool.Write("real/c.yaml", "training: {epochs: 1}\n");
        _tool.Write("old", "old");
        Directory.CreateDirectory(Path.Combine(_tool.Folder, "m"));
        foreach ((string part, byte count) in ((string, byte)[])[("train", 100), ("t10k", 40)])
        {
            byte[] labels = [.. Enumerable.Range(0, count).Select(i => (byte)(i % 10))];
            File.WriteAllBytes(Path.Combine(_tool.Folder, "m", part + "-images-idx3-ubyte"), [0, 0, 8, 3, 0, 0, 0, count, 0, 0, 0, 2, 0, 0, 0, 2, .. labels, .. labels, .. labels, .. labels]);
            File.WriteAllBytes(Path.Combine(_tool.Folder, "m", part + "-labels-idx1-ubyte"), [0, 0, 8, 1, 0, 0, 0, count, .. labels]);
        }

        _tool.RunScript("ln -s real link; ln -s m ml; ln real/t.csv hard.csv; ln -s real/t.csv soft.csv; ln old hardold; ln m/train-labels-idx1-ubyte hardlabels; mkdir l").Expect(0);
    }

    private string Checksum() => _tool.RunScript("cat real/* m/* old hard*  | cksum").Output;

    // A build in a folder of root's own cannot be run by others.
    private void SkipUnlessAnotherUserRuns()
    {
        SkipUnlessRoot("setpriv");
        string tool = Path.Combine(AppContext.BaseDirectory, "NormLayers.Cli.dll");
        Assert.SkipUnless(_tool.RunScript($"setpriv --reuid=65534 --regid=65534 --clear-groups test -r '{tool}'").ExitCode == 0, "another user cannot read the folder of this build");
    }

    private static void SkipUnlessRoot(params string[] commands)
    {
        Tool.SkipWithout([.. commands, "stat"]);
        Assert.SkipUnless(Environment.UserName == "root", "files of other users take root");
    }
}
