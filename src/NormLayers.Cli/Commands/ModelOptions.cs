using System.CommandLine;
using NormLayers.Cli.Configuration;
using NormLayers.Cli.Output;
using NormLayers.Lab.Data;

namespace NormLayers.Cli.Commands;

/// <summary>The flags of verbs that use a saved model on data, and what they begin with.</summary>
internal sealed class ModelOptions(string output)
{
    private static readonly ChoiceType<DataPart> _partType = new(("all", DataPart.All), ("train", DataPart.Train), ("test", DataPart.Test));

    private readonly TrainOptions _data = new(Keys.All.Except([Keys.Source, Keys.DataPath, Keys.Seed]));
    private readonly Option<string> _part = new("--part")
    {
        Description = "Which samples: all, train or test. The last two are those of the model's training.",
        HelpName = "part",
    };

    private readonly Option<string> _output = new("--output", "-o") { Description = output, HelpName = "file" };

    /// <summary>The flag of a model's file.</summary>
    public static Option<string> CreateModel() => new("--model") { Description = "The model, as train --save wrote it.", HelpName = "file", Required = true };

    public Option<string> Model { get; } = CreateModel();

    public Option<bool> Json => _data.Json;

    public IEnumerable<Option> All => [Model, .. _data.All.Where(o => o != _data.Output && o != _data.Json && o != _data.Quiet && o != _data.NoProgress), _part, _output, Json, _data.Quiet];

    public string? Output(ParseResult parsed) => parsed.GetValue(_output);

    public bool Quiet(ParseResult parsed) => parsed.GetValue(_data.Quiet);

    /// <summary>Tells how many samples have no class.</summary>
    /// <returns>Whether all have one.</returns>
    public static bool CheckClasses(int unclassified, int samples)
    {
        if (unclassified > 0)
        {
            ResultFile.ReportFailure(FormattableString.Invariant(
                $"{unclassified} of {samples} samples have no class, as the network's output for them is not finite: their features are too large for the model, or its weights are"));
        }

        return unclassified == 0;
    }

    /// <summary>Reads model and samples, or reports all that is wrong.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="heldOut">Whether what the model was trained on is left out where nothing was said.</param>
    /// <param name="labelled">Whether samples without labels are an error.</param>
    public (ModelFile Model, SampleSet Samples, ModelData Data, Settings Settings)? Open(ParseResult parsed, bool heldOut, bool labelled)
    {
        List<Diagnostic> errors = [];
        string? configPath = parsed.GetValue(_data.Config);
        string modelPath = parsed.GetValue(Model)!;
        Settings settings = SettingsReader.Read(configPath, _data.Given(parsed), parsed.GetValue(_data.Set) ?? [], errors);
        DataPart? part = parsed.GetValue(_part) is null ? null : FlagValue.Read(parsed, _part, _partType, errors, DataPart.All);
        OutputRules.CheckUse(settings, configPath, modelPath, [(_output.Name, Output(parsed))], errors);
        ModelFile? model = ModelFile.Read(Model.Name, modelPath, errors);
        if (errors.Count == 0)
        {
            ModelData data = new(settings, model!, part, heldOut);
            if (settings.Get(Keys.Source) != DataSource.Synthetic && _data.Given(parsed).Any(g => g.Key == Keys.Seed))
            {
                data.Notes.Add("--seed has no effect on data that are read: the parts are those of the model's training");
            }

            try
            {
                SampleSet samples = data.Load();
                if (!labelled || samples.LabelProblem is null)
                {
                    foreach (string note in Quiet(parsed) ? [] : data.Notes)
                    {
                        StandardStreams.WriteError("note: " + note);
                    }

                    return (model!, samples, data, settings);
                }

                errors.Add(new Diagnostic(settings.PlaceOf(Keys.Source), $"{samples.LabelProblem}; labels are needed to evaluate"));
            }
            catch (DataFormatException e)
            {
                errors.Add(settings.Get(Keys.Source) != DataSource.Synthetic ? new Diagnostic(settings.PlaceOf(settings.Get(Keys.DataPath) is null ? Keys.Source : Keys.DataPath), e.Message)
                    : settings.Get(Keys.DataPath) is null ? new Diagnostic(Origin.Flag(Model.Name), $"{e.Message[..^1]}; --data names other data")
                    : new Diagnostic(settings.PlaceOf(Keys.DataPath), "has no effect with data.source synthetic; add --data csv or --data idx"));
            }
        }

        RunSession.Report(errors);
        return null;
    }
}
