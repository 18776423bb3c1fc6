using System.CommandLine;
using NormLayers.Cli.Configuration;

namespace NormLayers.Cli.Commands;

/// <summary>The flags of <c>train</c>. Values are checked by the configuration, so that all errors come at once and sound alike.</summary>
internal sealed class TrainOptions
{
    private readonly List<(Option<string> Option, Key Key)> _keyed = [];
    private readonly HashSet<Key> _without;

    /// <summary>Creates the flags.</summary>
    /// <param name="without">The keys whose flags are left out, as the verb has its own for them.</param>
    public TrainOptions(params IEnumerable<Key> without)
    {
        _without = [.. without];
        AddKeyed("--mode", Keys.Mode, $"The normalization: {string.Join(", ", Keys.Modes.Names)} ({Keys.Mode.DefaultValue} unless given).", "mode", Keys.Modes.Names, "-m");
        Config = new Option<string>("--config", "-c") { Description = "The configuration; config.yaml if it is there.", HelpName = "file" };
        Output = new Option<string>("--output", "-o") { Description = "Write the results to this file as JSON.", HelpName = "file" };
        Report = new Option<string>("--report") { Description = "Write a report with charts to this file: HTML that opens anywhere, offline.", HelpName = "file" };
        Svg = new Option<string>("--svg") { Description = "Write the first chart of the report to this file as an SVG picture.", HelpName = "file" };
        Save = new Option<string>("--save") { Description = "Save the trained model to this file (safetensors), for predict, evaluate and export.", HelpName = "file" };
        Checkpoint = new Option<string>("--checkpoint") { Description = "Keep the state of the training in this file as it goes.", HelpName = "file" };
        CheckpointInterval = new Option<string>("--checkpoint-interval") { Description = "Steps from one checkpoint to the next (one at the end of each epoch).", HelpName = "n" };
        Resume = new Option<string>("--resume") { Description = "Go on from this checkpoint, with the same settings and data.", HelpName = "file" };
        TensorBoard = new Option<string>("--tensorboard") { Description = "Write event files for TensorBoard into this folder.", HelpName = "folder" };
        AddKeyed("--data", Keys.Source, "The data: synthetic (default), digits, csv or idx.", "source", Keys.DataSources.Names);
        AddKeyed("--data-path", Keys.DataPath, "The file (csv) or folder (idx) to read.", "path", []);
        AddKeyed("--epochs", Keys.Epochs, "Passes over the training set (30).", "n", []);
        AddKeyed("--batch-size", Keys.BatchSize, "Samples in a mini-batch (32).", "n", []);
        AddKeyed("--learning-rate", Keys.LearningRate, "The step length (0.05).", "rate", []);
        AddKeyed("--hidden-dim", Keys.HiddenWidth, "The width of the hidden layer (32).", "n", []);
        AddKeyed("--seed", Keys.Seed, "The seed of data, weights and order (42).", "n", []);
        AddKeyed("--probe", Keys.ProbeInterval, "Look into every layer every n steps (0, never; a report does so about 60 times).", "n", []);
        Set = new Option<string[]>("--set")
        {
            Description = "Set any other key of the configuration; may be repeated.",
            HelpName = "section.key=value",
            Arity = ArgumentArity.OneOrMore,
        };
        Set.CompletionSources.Add([.. Keys.All.Select(k => k.Path + "=")]);
        Json = new Option<bool>("--json") { Description = "Print the results as JSON, and nothing else, on standard output." };
        Quiet = new Option<bool>("--quiet", "-q") { Description = "Show no progress and no notes." };
        NoProgress = new Option<bool>("--no-progress") { Description = "Show no progress." };
    }

    public Option<string> Config { get; }

    public Option<string> Output { get; }

    public Option<string> Report { get; }

    public Option<string> Svg { get; }

    public Option<string> Save { get; }

    public Option<string> Checkpoint { get; }

    public Option<string> CheckpointInterval { get; }

    public Option<string> Resume { get; }

    public Option<string> TensorBoard { get; }

    public Option<string[]> Set { get; }

    public Option<bool> Json { get; }

    public Option<bool> Quiet { get; }

    public Option<bool> NoProgress { get; }

    /// <summary>The flags of verbs that write a report.</summary>
    public IEnumerable<Option> Reporting => [Report, Svg];

    /// <summary>The flags of a verb that trains one network.</summary>
    public IEnumerable<Option> Keeping => [Save, Checkpoint, CheckpointInterval, Resume, TensorBoard];

    /// <summary>All other flags in the order of the help.</summary>
    public IEnumerable<Option> All => [.. Flags.TakeWhile(IsMode), Config, Output, .. Flags.SkipWhile(IsMode), Set, Json, Quiet, NoProgress];

    private IEnumerable<Option> Flags => _keyed.Select(k => k.Option);

    /// <summary>The flags given that stand for a key of the configuration, with their text.</summary>
    public IEnumerable<(string Flag, Key Key, string Text)> Given(ParseResult parsed) =>
        from keyed in _keyed
        let text = parsed.GetValue(keyed.Option)
        where text is not null
        select (keyed.Option.Name, keyed.Key, text);

    private bool IsMode(Option option) => _keyed.Any(k => k.Option == option && k.Key == Keys.Mode);

    private void AddKeyed(string name, Key key, string description, string helpName, IEnumerable<string> completions, params string[] aliases)
    {
        if (_without.Contains(key))
        {
            return;
        }

        Option<string> option = new(name, aliases) { Description = description, HelpName = helpName };
        option.CompletionSources.Add([.. completions]);
        _keyed.Add((option, key));
    }
}
