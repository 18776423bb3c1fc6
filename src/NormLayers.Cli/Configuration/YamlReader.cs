using System.Diagnostics.CodeAnalysis;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace NormLayers.Cli.Configuration;

/// <summary>Turns YAML text into nodes with positions.</summary>
/// <remarks>
/// It reads the parser's events, not YamlDotNet's own tree: that one stops at the first duplicate key and resolves aliases.
/// Anchors, aliases and tags have no use in a configuration of thirty keys and are errors, so that no file can grow when read.
/// </remarks>
internal sealed class YamlReader
{
    private const int DeepestNesting = 16;

    private readonly string _name;
    private readonly SettingSource _source;
    private readonly string[] _lines;
    private readonly Parser _parser;
    private readonly List<Diagnostic> _errors;

    private YamlReader(string text, string name, SettingSource source, List<Diagnostic> errors)
    {
        _name = name;
        _source = source;
        _lines = text.ReplaceLineEndings("\n").Split('\n');
        _parser = new Parser(new StringReader(text));
        _errors = errors;
    }

    /// <summary>Reads the one document of a text.</summary>
    /// <param name="text">The YAML.</param>
    /// <param name="name">What errors call it: the file, or the flag.</param>
    /// <param name="source">What kind of place it is.</param>
    /// <param name="errors">Receives what is wrong.</param>
    /// <returns>The root; null for an empty document, or if it could not be read.</returns>
    [SuppressMessage("Design", "CA1031", Justification = "YamlDotNet's parser throws InvalidOperationException and ArgumentException on some malformed texts.")]
    public static ConfigNode? Read(string text, string name, SettingSource source, List<Diagnostic> errors)
    {
        YamlReader reader = new(text, name, source, errors);
        try
        {
            return reader.ReadDocument();
        }
        catch (YamlException e)
        {
            reader.Error(e.Start, e.End, "not valid YAML: " + e.Message.TrimEnd('.'));
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            Mark last = reader._parser.Current?.End ?? Mark.Empty;
            reader.Error(last, last, "not valid YAML: a bracket, quote or indentation near here is not closed or does not fit");
        }

        return null;
    }

    private ConfigNode? ReadDocument()
    {
        ConfigNode? root = null;
        int documents = 0;
        while (_parser.MoveNext())
        {
            if (_parser.Current is DocumentStart start && ++documents > 1)
            {
                Error(start.Start, start.End, "only one YAML document is read");
                return root;
            }

            if (_parser.Current is NodeEvent or AnchorAlias)
            {
                root = ReadNode(0);
            }
        }

        return root;
    }

    private ConfigNode ReadNode(int depth)
    {
        ParsingEvent current = _parser.Current!;
        if (depth > DeepestNesting)
        {
            throw new YamlException(current.Start, current.End, $"nested more than {DeepestNesting} levels deep");
        }

        if (current is AnchorAlias || current is NodeEvent { Anchor.IsEmpty: false })
        {
            Error(current.Start, current.End, "anchors and aliases are not read here; write the value out");
        }
        else if (current is NodeEvent { Tag.IsEmpty: false } tagged)
        {
            Error(current.Start, current.End, $"tags are not read here; remove '{tagged.Tag.Value}'");
        }

        return current switch
        {
            Scalar scalar => ToScalar(scalar),
            SequenceStart => ReadSequence(depth),
            MappingStart => ReadMapping(depth),
            _ => new ScalarNode(At(current.Start, current.End), string.Empty, IsPlain: true),
        };
    }

    private SequenceNode ReadSequence(int depth)
    {
        Origin origin = At(_parser.Current!.Start, _parser.Current.End);
        List<ConfigNode> items = [];
        while (_parser.MoveNext() && _parser.Current is not SequenceEnd)
        {
            items.Add(ReadNode(depth + 1));
        }

        return new SequenceNode(origin, items);
    }

    private MappingNode ReadMapping(int depth)
    {
        Origin origin = At(_parser.Current!.Start, _parser.Current.End);
        List<KeyValuePair<ScalarNode, ConfigNode>> entries = [];
        while (_parser.MoveNext() && _parser.Current is not MappingEnd)
        {
            ConfigNode key = ReadNode(depth + 1);
            _parser.MoveNext();
            ConfigNode value = ReadNode(depth + 1);
            if (key is ScalarNode name)
            {
                entries.Add(new(name, value));
            }
            else
            {
                _errors.Add(new Diagnostic(key.Origin, $"a key must be a name, got {key.Describe()}"));
            }
        }

        return new MappingNode(origin, entries);
    }

    private ScalarNode ToScalar(Scalar scalar) =>
        new(At(scalar.Start, scalar.End), scalar.Value, scalar.Style == ScalarStyle.Plain);

    private void Error(Mark start, Mark end, string message) =>
        _errors.Add(new Diagnostic(At(start, end), message));

    private Origin At(Mark start, Mark end)
    {
        if (_source == SettingSource.Flag)
        {
            return Origin.Flag(_name);
        }

        int line = (int)Math.Clamp(start.Line, 1, _lines.Length);
        string text = _lines[line - 1];
        int column = (int)Math.Clamp(start.Column, 1, text.Length + 1);
        int length = (int)(end.Line == start.Line ? end.Column - start.Column : text.Length + 1 - column);
        return new Origin(_source, FormattableString.Invariant($"{_name}:{line}:{column}"), new SourceExcerpt(line, column, Math.Max(1, length), text));
    }
}
