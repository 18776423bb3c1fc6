using System.Text.Json;

namespace NormLayers.Tests.Conformance;

/// <summary>One case of an outside suite: see Cases/MANIFEST.md.</summary>
internal sealed class ConformanceCase
{
    private readonly JsonElement _case;

    private ConformanceCase(string suite, JsonElement element) => (Suite, _case) = (suite, element);

    /// <summary>All cases of all suites, in order.</summary>
    public static IReadOnlyList<ConformanceCase> All { get; } = [.. ((string[])["libtorch", "onnx", "literals"]).SelectMany(Load)];

    public string Suite { get; }

    public string Name => _case.GetProperty("name").GetString()!;

    public string Op => _case.GetProperty("op").GetString()!;

    public IEnumerable<string> Outputs => _case.GetProperty("outputs").EnumerateObject().Select(o => o.Name);

    public static ConformanceCase Find(string suite, string name) => All.Single(c => c.Suite == suite && c.Name == name);

    public bool Has(string attribute) => Attribute(attribute) is not null;

    /// <summary>A number, which ONNX keeps as a float.</summary>
    public double Number(string attribute) => Suite == "onnx" ? Attribute(attribute)!.Value.GetSingle() : Attribute(attribute)!.Value.GetDouble();

    public string? Text(string attribute) => Attribute(attribute)?.GetString();

    public int[]? Dimensions(string attribute) => Attribute(attribute) is { } list ? Integers(list) : null;

    /// <summary>An input, or null: all are float32 numbers, printed as the shortest decimal that reads back to the same float.</summary>
    public double[]? Input(string name) => Tensor("inputs", name) is { } tensor ? Array.ConvertAll(Data(tensor), v => (double)(float)v) : null;

    public Shape ShapeOf(string input) => new(Integers(Tensor("inputs", input)!.Value.GetProperty("shape")));

    public double[] Output(string name) => Data(Tensor("outputs", name)!.Value);

    private static IEnumerable<ConformanceCase> Load(string suite)
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Conformance", "Cases", suite + ".json")));
        return [.. document.RootElement.Clone().EnumerateArray().Select(e => new ConformanceCase(suite, e))];
    }

    private JsonElement? Attribute(string name) => _case.GetProperty("attributes").TryGetProperty(name, out JsonElement value) ? value : null;

    private JsonElement? Tensor(string of, string name) => _case.GetProperty(of).TryGetProperty(name, out JsonElement value) ? value : null;

    private static double[] Data(JsonElement tensor) => [.. tensor.GetProperty("data").EnumerateArray().Select(v => v.GetDouble())];

    private static int[] Integers(JsonElement list) => [.. list.EnumerateArray().Select(v => v.GetInt32())];
}
