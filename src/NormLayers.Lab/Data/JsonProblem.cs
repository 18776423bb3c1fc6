using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace NormLayers.Lab.Data;

/// <summary>Says what is wrong with a JSON text by its keys and places, where the runtime names its types.</summary>
internal static class JsonProblem
{
    /// <summary>The problem in a few words, without a full stop.</summary>
    /// <param name="error">What reading the text as the type threw.</param>
    /// <param name="json">The text.</param>
    /// <param name="type">What was expected in it.</param>
    public static string Describe(JsonException error, ReadOnlySpan<byte> json, JsonTypeInfo type)
    {
        HashSet<string> keys = [];
        Utf8JsonReader reader = new(json);
        try
        {
            while (reader.Read())
            {
                if (reader.TokenType == JsonTokenType.PropertyName && reader.CurrentDepth == 1)
                {
                    keys.Add(reader.GetString()!);
                }
            }
        }
        catch (JsonException syntax)
        {
            return FormattableString.Invariant($"no JSON in line {syntax.LineNumber + 1}, byte {syntax.BytePositionInLine + 1}");
        }
        catch (InvalidOperationException)
        {
            return "half of a surrogate pair in a key";
        }

        HashSet<string> known = [.. type.Properties.Select(p => p.Name)];
        string[] unknown = (type.UnmappedMemberHandling ?? type.Options.UnmappedMemberHandling) == JsonUnmappedMemberHandling.Disallow ? [.. keys.Where(k => !known.Contains(k))] : [];
        string[] missing = [.. type.Properties.Where(p => p.IsRequired && !keys.Contains(p.Name)).Select(p => $"'{p.Name}'")];
        return unknown.Length > 0 ? $"the key {Exchange.FileText.Shown(unknown[0])} is unknown"
            : error.Path is { Length: > 1 } path ? $"'{path}' is of another kind"
            : missing.Length > 0 ? $"keys are missing: {string.Join(", ", missing)}"
            : "a value of another kind";
    }
}
