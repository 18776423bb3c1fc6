using System.Globalization;
using NormLayers.Exchange;
using NormLayers.Network;

namespace NormLayers;

/// <summary>Saves layers and networks as safetensors files, and loads them.</summary>
/// <remarks>
/// A file holds <see cref="Layer.NamedState"/> under PyTorch's names, so that <c>load_state_dict</c> takes it and its files are taken here, and
/// <see cref="Layer.Conventions"/> as metadata. Frozen parameters, frozen statistics and optimizers are not saved.
/// </remarks>
public static class LayerFiles
{
    private const string FormatKey = "format";

    /// <summary>Writes all that evaluation and further training depend on: parameters, running statistics, counters and conventions.</summary>
    /// <param name="layer">The layer or network.</param>
    /// <param name="stream">Where to; it stays open.</param>
    /// <param name="metadata">More text by key, for whoever reads the file; null for none.</param>
    /// <param name="more">More tensors, which <see cref="Load(Layer, SafetensorsReader, bool, bool)"/> finds unexpected; null for none.</param>
    /// <exception cref="ArgumentException">A key that is also a convention's, a negative running variance, deviation or count of batches, or what <see cref="SafetensorsWriter.Write"/> refuses.</exception>
    public static void Save(this Layer layer, Stream stream, IReadOnlyDictionary<string, string>? metadata = null, IEnumerable<NamedState>? more = null)
    {
        ArgumentNullException.ThrowIfNull(layer);
        ArgumentNullException.ThrowIfNull(stream);
        CheckNotNegative(layer, nameof(layer));
        NamedState[] state = [.. layer.NamedState];
        Dictionary<string, string> text = new(layer.Conventions);
        foreach (NamedState own in state.Where(s => !s.IsInStateDict))
        {
            text.Add(own.Name, string.Join(' ', own.Counters!));
        }

        foreach ((string key, string value) in metadata ?? LayerConventions.None)
        {
            if (LayerConventions.IsKind(key, value) || !text.TryAdd(key, value))
            {
                Throw.Argument(nameof(metadata), "keys that the network does not use", $"'{key}'");
            }
        }

        // The value that says whose names the tensors have.
        text.TryAdd(FormatKey, "pt");
        SafetensorsWriter.WriteTensors(stream, state.Where(s => s.IsInStateDict).Concat(more ?? []), text, nameof(more));
    }

    /// <summary><b>Overwrites</b> parameters, running statistics and counters with the values of a file, or throws and changes nothing.</summary>
    /// <param name="layer">The layer or network.</param>
    /// <param name="stream">The file, from its beginning; it stays open.</param>
    /// <param name="strict">Whether tensors that are missing or unexpected are refused, and layers without tensors that are unexpected. They are in the report otherwise.</param>
    /// <param name="checkConventions">Whether a file of another kind of layer, or with another ε, momentum, meaning of γ, ReLU, or number of groups is refused. They are in the report otherwise.</param>
    /// <returns>How the file and the layer or network differ.</returns>
    /// <exception cref="InvalidDataException">No safetensors file, a damaged one, another shape or type, a negative running variance, deviation or count of batches, or what strictness refuses.</exception>
    public static LoadReport Load(this Layer layer, Stream stream, bool strict = true, bool checkConventions = true)
    {
        ArgumentNullException.ThrowIfNull(layer);
        return layer.Load(new SafetensorsReader(stream), strict, checkConventions);
    }

    /// <summary>The same from a file whose header has been read, to look at its metadata first.</summary>
    /// <param name="layer">The layer or network.</param>
    /// <param name="file">The file.</param>
    /// <param name="strict">Whether tensors that are missing or unexpected are refused, and layers without tensors that are unexpected. They are in the report otherwise.</param>
    /// <param name="checkConventions">Whether a file of another kind of layer, or with another ε, momentum, meaning of γ, ReLU, or number of groups is refused. They are in the report otherwise.</param>
    /// <returns>How the file and the layer or network differ.</returns>
    /// <exception cref="InvalidDataException">A damaged file, another shape or type, a negative running variance, deviation or count of batches, or what strictness refuses.</exception>
    public static LoadReport Load(this Layer layer, SafetensorsReader file, bool strict = true, bool checkConventions = true)
    {
        ArgumentNullException.ThrowIfNull(layer);
        ArgumentNullException.ThrowIfNull(file);
        Dictionary<string, NamedState> state = layer.NamedState.ToDictionary(s => s.Name);
        SafetensorsTensor[] tensors = [.. file.Tensors];
        HashSet<string> names = [.. tensors.Select(t => t.Name)];
        string whole = layer is Sequential ? "network" : "layer";
        LoadReport report = Compare(layer, state, names, file.Metadata) with { Whole = whole };
        if (checkConventions)
        {
            Refuse(report.Different.Count, $"the conventions of this {whole}", LoadReport.Listed(report.Different, "; "));
        }

        if (strict)
        {
            Refuse(report.Missing.Count, $"a tensor for every part of the {whole}", $"none for {LoadReport.Listed(report.Missing)}");
            Refuse(report.Unexpected.Count, $"only tensors that the {whole} has", $"also {LoadReport.Listed(report.Unexpected)}");
            Refuse(report.UnexpectedLayers.Count, $"only layers that the {whole} has", $"also {LoadReport.Listed(report.UnexpectedLayers)}");
        }

        // All is read and checked before the first value changes.
        NamedState[] read =
        [
            .. tensors.Where(t => state.ContainsKey(t.Name)).Select(t => Read(file, t, state[t.Name])),
            .. state.Values.Where(s => !s.IsInStateDict && !names.Contains(s.Name)).Select(s => FromMetadata(s, file.Metadata)),
        ];
        file.CheckEnd();
        foreach (NamedState part in read)
        {
            state[part.Name].CopyFrom(part);
        }

        return report;
    }

    /// <summary>Checks that no running variance, deviation or count is negative, which no reader would take.</summary>
    internal static void CheckNotNegative(Layer layer, string name)
    {
        foreach (NamedState part in layer.NamedState)
        {
            if (part.NegativeOf(part) is { } negative)
            {
                Throw.Argument(name, $"values ≥ 0 in '{part.Name}'", negative);
            }
        }
    }

    private static LoadReport Compare(Layer layer, Dictionary<string, NamedState> state, HashSet<string> names, IReadOnlyDictionary<string, string> metadata)
    {
        IReadOnlyDictionary<string, string> conventions = layer.Conventions;
        string[] sorted = [.. names.Order(StringComparer.Ordinal)];
        string[] unexpected = [.. sorted.Where(n => !state.ContainsKey(n))];

        // Layers of a kind that are not here: a kind of other tensors shows in these, one without tensors in itself alone.
        List<string> another = [];
        List<string> withoutTensors = [];
        foreach ((string key, string text) in metadata.Where(m => LayerConventions.IsKind(m.Key, m.Value) && !conventions.ContainsKey(m.Key)))
        {
            string prefix = key[..^LayerConventions.Kind.Length];
            if (CountOf(sorted, prefix) == 0)
            {
                withoutTensors.Add(prefix.Length > 0 ? $"{prefix.TrimEnd('.')} ({text})" : text);
            }
            else if (CountOf(unexpected, prefix) == 0)
            {
                another.Add($"{key}: '{text}' in the file, no kind here");
            }
        }

        return new LoadReport(
            [.. state.Values.Where(s => s.IsInStateDict && !names.Contains(s.Name)).Select(s => s.Name)],
            unexpected,
            [.. conventions.Keys.Where(k => !metadata.ContainsKey(k))],
            [
                .. from own in conventions
                   where metadata.TryGetValue(own.Key, out string? text) && !LayerConventions.Agree(own.Key, text, own.Value)
                   select $"{own.Key}: {FileText.Shown(metadata[own.Key])} in the file, '{own.Value}' here",
                .. another,
            ],
            metadata)
        {
            UnexpectedLayers = withoutTensors,
        };
    }

    // How many of the sorted names begin with a prefix, which ends in a dot or is empty.
    private static int CountOf(string[] sorted, string prefix)
    {
        return prefix.Length == 0 ? sorted.Length : Place(prefix[..^1] + '/') - Place(prefix); // The slash comes after the dot.

        int Place(string text)
        {
            int found = Array.BinarySearch(sorted, text, StringComparer.Ordinal);
            return found < 0 ? ~found : found;
        }
    }

    private static void Refuse(int count, string expected, string got)
    {
        if (count > 0)
        {
            throw new InvalidDataException($"expected {expected}, got {got}.");
        }
    }

    private static NamedState Read(SafetensorsReader file, SafetensorsTensor tensor, NamedState part)
    {
        // One counter is a single number, shape [], in PyTorch, and a row of one here.
        bool isSameShape = tensor.Shape.Count == part.Shape.Rank && Enumerable.Range(0, part.Shape.Rank).All(a => tensor.Shape[a] == part.Shape[a]);
        bool isNumber = part.Counters is { Length: 1 } && tensor.Shape.Count == 0;
        if (!isSameShape && !isNumber)
        {
            throw new InvalidDataException($"expected shape {part.Shape} of '{part.Name}', got {tensor}.");
        }

        bool isFloat = part.Floats is not null;
        if (isFloat ? !tensor.IsFloat : !tensor.IsInteger)
        {
            throw new InvalidDataException($"expected {(isFloat ? "F32, F64, F16 or BF16" : "integers")} in '{part.Name}', got {tensor}.");
        }

        NamedState read = isFloat ? new(part.Name, part.Shape, file.ReadFloats(tensor)) : new(part.Name, file.ReadIntegers(tensor));
        return part.NegativeOf(read) is { } negative ? throw new InvalidDataException($"expected values ≥ 0 in '{part.Name}', got {negative}.") : read;
    }

    private static NamedState FromMetadata(NamedState part, IReadOnlyDictionary<string, string> metadata)
    {
        long[] counters = new long[part.Shape.Length];
        if (metadata.TryGetValue(part.Name, out string? text))
        {
            string[] numbers = text.Split(' ');
            for (int i = 0; i < counters.Length; i++)
            {
                if (numbers.Length != counters.Length || !long.TryParse(numbers[i], part.IsNotNegative ? NumberStyles.None : NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out counters[i]))
                {
                    throw new InvalidDataException($"expected {counters.Length} whole number(s) as {part.Name} in the metadata, got {FileText.Shown(text)}.");
                }
            }
        }

        return new NamedState(part.Name, counters);
    }
}
