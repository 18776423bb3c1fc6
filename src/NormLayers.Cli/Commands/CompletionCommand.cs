using System.CommandLine;

namespace NormLayers.Cli.Commands;

/// <summary><c>normlayers completion</c>: prints a shell's script that completes the tool's verbs, flags and values.</summary>
internal static class CompletionCommand
{
    private static readonly Dictionary<string, string> _scripts = new()
    {
        ["bash"] = """
            _normlayers() {
                local IFS=$'\n'
                COMPREPLY=( $(compgen -W "$(normlayers "[suggest:${COMP_POINT}]" "${COMP_LINE}" 2>/dev/null)" -- "${COMP_WORDS[COMP_CWORD]}") )
            }
            complete -o default -F _normlayers normlayers
            """,
        ["zsh"] = """
            _normlayers() {
                local -a words_found
                words_found=("${(@f)$(normlayers "[suggest:$CURSOR]" "$BUFFER" 2>/dev/null)}")
                compadd -a words_found || _files
            }
            compdef _normlayers normlayers
            """,
        ["fish"] = """
            complete -c normlayers -a '(normlayers "[suggest:"(commandline -C)"]" (commandline -cp) 2>/dev/null)'
            """,
        ["pwsh"] = """
            Register-ArgumentCompleter -Native -CommandName normlayers -ScriptBlock {
                param($wordToComplete, $commandAst, $cursorPosition)
                normlayers "[suggest:$cursorPosition]" "$commandAst" | Where-Object { $_ -like "$wordToComplete*" } |
                    ForEach-Object { [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_) }
            }
            """,
    };

    public static IReadOnlyList<string> Examples { get; } =
    [
        "source <(normlayers completion bash)",
        "normlayers completion zsh > ~/.zfunc/_normlayers",
        "normlayers completion fish | source",
        "normlayers completion pwsh | Out-String | Invoke-Expression",
    ];

    public static Command Create()
    {
        Argument<string> shell = new("shell") { Description = "bash, zsh, fish or pwsh." };
        shell.CompletionSources.Add([.. _scripts.Keys]);
        shell.Validators.Add(result =>
        {
            string name = result.Tokens[0].Value;
            if (!_scripts.ContainsKey(name))
            {
                result.AddError($"no script for '{name}'; the shells are {string.Join(", ", _scripts.Keys)}");
            }
        });
        Command command = new("completion", "Print the script that completes this tool's words in a shell.") { shell };
        command.SetAction(parsed =>
        {
            Console.Out.WriteLine(_scripts[parsed.GetRequiredValue(shell)]);
            return ExitCode.Success;
        });
        return command;
    }
}
