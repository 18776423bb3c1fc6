using System.Text.Json;

namespace NormLayers.Lab.Data;

/// <summary>Says what is wrong with a JSON text by its keys, where the runtime names its types.</summary>
internal static class JsonProblem
{
    /// <summary>The problem in a few words, without a full stop.</summary>
    public static string Describe(JsonException error)
    {
        string message = error.Message;
        return message.Contains("could not be mapped to any .NET member", StringComparison.Ordinal) ? $"the key '{message.Split('\'')[1]}' is unknown"
            : message.Contains("missing required properties", StringComparison.Ordinal) ? "keys are missing: " + message[(message.LastIndexOf(": ", StringComparison.Ordinal) + 2)..].TrimEnd('.')
            : message.Contains("could not be converted to", StringComparison.Ordinal) ? $"'{error.Path}' is of another kind"
            : message.TrimEnd('.');
    }
}
