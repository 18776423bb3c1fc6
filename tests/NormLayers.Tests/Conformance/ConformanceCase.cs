using System.Text.Json;

namespace NormLayers.Tests.Conformance;

/// <summary>One case of an outside suite: see Cases/MANIFEST.md.</summary>
internal sealed class ConformanceCase
{
    private readonly JsonElement _case;

    private ConformanceCase(JsonElement element) => _case = element;

    public string Name => _case.GetProperty("name").GetString()!;

    public string Op => _case.GetProperty("op").GetString()!;

    /// <summary>All cases of a suite, in order.</summary>
    public static IReadOnlyList<ConformanceCase> Load(string suite)
    {
        string path = Path.Combine(AppContext.BaseDirectory, "Conformance", "Cases", suite + ".json");
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path));
        return [.. document.RootElement.Clone().EnumerateArray().Select(e => new ConformanceCase(e))];
    }

    /// <summary>The names of the cases of one operator, as theory data.</summary>
    public static TheoryData<string> Names(IReadOnlyList<ConformanceCase> suite, string op) => [.. suite.Where(c => c.Op == op).Select(c => c.Name)];

    public static ConformanceCase Find(IReadOnlyList<ConformanceCase> suite, string name) => suite.Single(c => c.Name == name);

    public bool Has(string attribute) => _case.GetProperty("attributes").TryGetProperty(attribute, out _);

    public double Number(string attribute) => _case.GetProperty("attributes").GetProperty(attribute).GetDouble();

    public string Text(string attribute) => _case.GetProperty("attributes").GetProperty(attribute).GetString()!;

    public int[]? Dimensions(string attribute) => _case.GetProperty("attributes").TryGetProperty(attribute, out JsonElement value) ? Integers(value) : null;

    public bool HasInput(string name) => _case.GetProperty("inputs").TryGetProperty(name, out _);

    public bool HasOutput(string name) => _case.GetProperty("outputs").TryGetProperty(name, out _);

    /// <summary>An input: all are float32 numbers, printed as the shortest decimal that reads back to the same float.</summary>
    public double[] Input(string name) => Array.ConvertAll(Data(_case.GetProperty("inputs").GetProperty(name)), v => (double)(float)v);

    public double[] InputOr(string name, int length, double fill)
    {
        if (HasInput(name))
        {
            return Input(name);
        }

        double[] constant = new double[length];
        Array.Fill(constant, fill);
        return constant;
    }

    public int[] InputShape(string name) => Integers(_case.GetProperty("inputs").GetProperty(name).GetProperty("shape"));

    public double[] Output(string name) => Data(_case.GetProperty("outputs").GetProperty(name));

    private static double[] Data(JsonElement tensor) => [.. tensor.GetProperty("data").EnumerateArray().Select(v => v.GetDouble())];

    private static int[] Integers(JsonElement list) => [.. list.EnumerateArray().Select(v => v.GetInt32())];
}
