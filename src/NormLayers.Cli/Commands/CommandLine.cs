using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using NormLayers.Cli.Output;
using NormLayers.Lab.Data;
using NormLayers.Lab.Experiments;

namespace NormLayers.Cli.Commands;

/// <summary>The verbs and flags, their help and their usage errors.</summary>
internal static class CommandLine
{
    private const string ToolName = "normlayers";
    private const int HelpWidth = 100;
    private const int MostErrors = 20;

    public static int Run(string[] args)
    {
        if (SpeedVariables.FindProblem() is { } problem)
        {
            StandardStreams.WriteError($"error: {problem}");
            return ExitCode.Usage;
        }

        RootCommand root = Create();

        // An argument that begins with @ is an argument, and no file with more of them.
        ParseResult parsed = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if ((parsed.Errors.Count > 0 || FindUnusableValues(parsed).Any()) && parsed.Action is not HelpWithExamples)
        {
            return ReportUsage(parsed);
        }

        return parsed.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
    }

    private static RootCommand Create()
    {
        TrainOptions options = new();
        Command train = TrainCommand.Create(options);
        Command compare = new CompareCommand().Create();
        Command sweep = new SweepCommand().Create();
        Command predict = new PredictCommand().Create();
        Command evaluate = new EvaluateCommand().Create();
        Command export = new ExportCommand().Create();
        Command experiment = new ExperimentCommand(ExperimentCatalog.All).Create();
        Command info = InfoCommand.Create();
        Command check = CheckCommand.Create();
        Command bench = new BenchCommand().Create();
        Command completion = CompletionCommand.Create();
        RootCommand root = new(TrainCommand.Description + " Without a verb it trains.") { HelpName = ToolName };
        TrainCommand.AddTo(root, options);
        root.Subcommands.Add(train);
        root.Subcommands.Add(predict);
        root.Subcommands.Add(evaluate);
        root.Subcommands.Add(export);
        root.Subcommands.Add(compare);
        root.Subcommands.Add(sweep);
        root.Subcommands.Add(experiment);
        root.Subcommands.Add(info);
        root.Subcommands.Add(check);
        root.Subcommands.Add(bench);
        root.Subcommands.Add(completion);
        root.Options.Add(GlobalOptions.Verbose);
        root.Options.Add(GlobalOptions.NoColor);

        Dictionary<Command, IReadOnlyList<string>> examples = new()
        {
            [root] = TrainCommand.Examples,
            [train] = TrainCommand.Examples,
            [predict] = PredictCommand.Examples,
            [evaluate] = EvaluateCommand.Examples,
            [export] = ExportCommand.Examples,
            [compare] = CompareCommand.Examples,
            [sweep] = SweepCommand.Examples,
            [experiment] = ExperimentCommand.Examples,
            [info] = InfoCommand.Examples,
            [check] = CheckCommand.Examples,
            [bench] = BenchCommand.Examples,
            [completion] = CompletionCommand.Examples,
        };
        root.Options.OfType<HelpOption>().Single().Action = new HelpWithExamples(examples);
        return root;
    }

    // No option means anything by an empty value, least of all the path of a file or folder. An argument that is no UTF-8 has lost its bytes before it comes here.
    private static IEnumerable<string> FindUnusableValues(ParseResult parsed) =>
        from option in parsed.CommandResult.Children.OfType<OptionResult>()
        from token in option.Tokens
        where token.Value.Length == 0 || token.Value.Contains('\uFFFD')
        select token.Value.Length == 0 ? $"'{option.Option.Name}' needs a value, got ''" : $"'{option.Option.Name}' must be UTF-8 without U+FFFD, got '{token.Value}'";

    private static string Describe(ParseError error) => error.SymbolResult is OptionResult { Option.Name: var name } && !error.Message.Contains(name, StringComparison.Ordinal)
        ? $"{name}: {error.Message}"
        : error.Message;

    private static int ReportUsage(ParseResult parsed)
    {
        Command command = parsed.CommandResult.Command;
        string name = command is RootCommand ? ToolName : $"{ToolName} {command.Name}";
        string[] known = [.. command.Options.Select(o => o.Name), .. command.Subcommands.Select(c => c.Name)];
        List<string> errors = [];
        bool afterOption = false;
        foreach (string token in parsed.UnmatchedTokens)
        {
            // What follows an unknown option is most likely its value, and no second error.
            if (token.StartsWith('-') || !afterOption)
            {
                string kind = token.StartsWith('-') ? "option" : "verb or argument";
                errors.Add($"'{token}' is no {kind} of '{name}'{NearestName.Hint(token, known)}");
            }

            afterOption = token.StartsWith('-');
        }

        errors.AddRange(parsed.Errors.Select(Describe).Where(m => !parsed.UnmatchedTokens.Any(t => m.Contains($"'{t}'", StringComparison.Ordinal)))
            .Select(m => m.ReplaceLineEndings("\n").Replace("\n\t", " ", StringComparison.Ordinal)));
        errors.AddRange(FindUnusableValues(parsed));
        errors.Take(MostErrors).ToList().ForEach(e => StandardStreams.WriteError("error: " + e));
        if (errors.Count > MostErrors)
        {
            StandardStreams.WriteError($"{errors.Count - MostErrors} more errors are not shown.");
        }

        StandardStreams.WriteError($"See '{name} --help'.");
        return ExitCode.Usage;
    }

    private sealed class HelpWithExamples(IReadOnlyDictionary<Command, IReadOnlyList<string>> examples) : SynchronousCommandLineAction
    {
        private readonly HelpAction _help = new() { MaxWidth = HelpWidth };

        public override bool ClearsParseErrors => true;

        public override int Invoke(ParseResult parseResult)
        {
            int code = _help.Invoke(parseResult);
            TextWriter output = parseResult.InvocationConfiguration.Output;
            output.WriteLine("Examples:");
            foreach (string example in examples[parseResult.CommandResult.Command])
            {
                output.WriteLine("  " + example);
            }

            output.WriteLine();
            return code;
        }
    }
}
