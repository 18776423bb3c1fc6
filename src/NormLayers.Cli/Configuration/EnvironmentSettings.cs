using dotenv.net;

namespace NormLayers.Cli.Configuration;

/// <summary>Reads <c>RANDOM_SEED</c> from <c>.env</c> in the current folder and from the environment.</summary>
internal static class EnvironmentSettings
{
    private const string SeedVariable = "RANDOM_SEED";
    public const string FileName = ".env";

    /// <summary>The values that the two give, <c>.env</c> first.</summary>
    public static List<Assignment> Read(List<Diagnostic> errors)
    {
        List<Assignment> assignments = [];
        if (TextFile.IsThere(FileName) && !Directory.Exists(FileName))
        {
            ReadFile(assignments, errors);
        }

        if (Environment.GetEnvironmentVariable(SeedVariable) is { Length: > 0 } seed)
        {
            Origin origin = new(SettingSource.Environment, SeedVariable);
            assignments.Add(new Assignment(Keys.Seed, new ScalarNode(origin, seed.Trim(), IsPlain: true), origin));
        }

        return assignments;
    }

    private static void ReadFile(List<Assignment> assignments, List<Diagnostic> errors)
    {
        Origin file = new(SettingSource.EnvironmentFile, FileName);
        if (TextFile.Read(FileName, file, errors, mayBePipe: false) is not { } text)
        {
            return;
        }

        string[] lines = text.ReplaceLineEndings("\n").Split('\n');
        int before = errors.Count;
        int seedLine = FindLines(lines, errors);
        if (errors.Count > before)
        {
            return;
        }

        try
        {
            IDictionary<string, string> variables = DotEnv.Fluent()
                .WithEnvFiles(FileName).WithExceptions().WithTrimValues().WithSupportExportSyntax().WithSupportInlineComments().Read();
            if (variables.TryGetValue(SeedVariable, out string? seed))
            {
                Origin origin = At(lines, seedLine);
                assignments.Add(new Assignment(Keys.Seed, new ScalarNode(origin, seed, IsPlain: true), origin));
            }
        }
        catch (Exception e) when (e is ArgumentException or FormatException or InvalidOperationException or IOException)
        {
            errors.Add(new Diagnostic(file, "not a valid .env file: " + e.Message));
        }
    }

    // dotenv.net knows no line numbers and passes over lines that say nothing; here such a line is an error.
    private static int FindLines(string[] lines, List<Diagnostic> errors)
    {
        int seedLine = 0;
        char openQuote = '\0';
        for (int i = 0; i < lines.Length; i++)
        {
            string line = lines[i].Trim();
            if (openQuote != '\0')
            {
                openQuote = line.Contains(openQuote, StringComparison.Ordinal) ? '\0' : openQuote;
                continue;
            }

            int equals = line.IndexOf('=', StringComparison.Ordinal);
            if (line.Length == 0 || line[0] == '#')
            {
                continue;
            }

            if (equals < 1)
            {
                errors.Add(new Diagnostic(At(lines, i), $"expected NAME=value, got '{line}'"));
                continue;
            }

            string name = line[..equals].TrimEnd();
            if (name == SeedVariable || name.EndsWith(" " + SeedVariable, StringComparison.Ordinal))
            {
                seedLine = i;
            }

            string value = line[(equals + 1)..].TrimStart();
            if (value.Length > 0 && value[0] is '"' or '\'' && value.IndexOf(value[0], 1) < 0)
            {
                openQuote = value[0];
            }
        }

        return seedLine;
    }

    private static Origin At(string[] lines, int index) => new(
        SettingSource.EnvironmentFile,
        FormattableString.Invariant($"{FileName}:{index + 1}"),
        new SourceExcerpt(index + 1, 1, lines[index].Length, lines[index]));
}
