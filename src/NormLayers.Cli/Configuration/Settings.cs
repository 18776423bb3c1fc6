using System.Text.Json.Nodes;
using NormLayers.Lab.Trials;
using NormLayers.Network;

namespace NormLayers.Cli.Configuration;

/// <summary>A value for every key, and where each came from.</summary>
internal sealed class Settings
{
    private readonly Dictionary<Key, (object? Value, Origin Origin)> _values;
    private readonly HashSet<Key> _unreadable;

    public Settings()
    {
        _values = Keys.All.ToDictionary(k => k, k => (k.DefaultValue, Origin.Default));
        _unreadable = [];
    }

    private Settings(Settings other)
    {
        _values = new(other._values);
        _unreadable = [.. other._unreadable];
        Modes = other.Modes;
    }

    /// <summary>The normalizations of a verb that trains with several; empty where <see cref="Keys.Mode"/> is the one.</summary>
    public IReadOnlyList<NormalizationKind> Modes { get; set; } = [];

    /// <summary>The same settings, to be changed without changing these.</summary>
    public Settings Copy() => new(this);

    public T Get<T>(Key<T> key) => (T)_values[key].Value!;

    public int GetInt(Key<long> key) => checked((int)Get(key));

    public Origin OriginOf(Key key) => _values[key].Origin;

    /// <summary>The position of an error about a key; a default has none, so the key itself is named.</summary>
    public Origin PlaceOf(Key key) => IsGiven(key) ? OriginOf(key) : Origin.Default with { Place = key.Path };

    /// <summary>Whether a value was given that could not be read; the default replaces it.</summary>
    public bool IsUnreadable(Key key) => _unreadable.Contains(key);

    public void MarkUnreadable(Key key) => _unreadable.Add(key);

    public bool IsGiven(Key key) => OriginOf(key).Source != SettingSource.Default;

    public void Set(Key key, object? value, Origin origin) => _values[key] = (value, origin);

    /// <summary>Replaces a value by what the data turned out to be; its origin stays.</summary>
    public void Resolve<T>(Key<T> key, T value) => _values[key] = (value, OriginOf(key));

    /// <summary>The widths of the hidden layers: the list, or else the one width.</summary>
    public IReadOnlyList<int> HiddenWidths => [.. (Get(Keys.HiddenWidths) ?? [Get(Keys.HiddenWidth)]).Select(w => checked((int)w))];

    /// <summary>How images are cut into patches; null where they are not.</summary>
    public PatchOptions? Patches => Get(Keys.Patches) ? new PatchOptions(GetInt(Keys.PatchSize), GetInt(Keys.PatchStride)) : null;

    /// <summary>What only some normalizations have.</summary>
    public NormalizationOptions NormalizationOptions => new()
    {
        Groups = (int?)Get(Keys.Groups),
        ChunkSize = GetInt(Keys.ChunkSize),
        Limits = new RenormLimits(Get(Keys.RenormRMax), Get(Keys.RenormDMax)) { WarmUpSteps = Get(Keys.RenormWarmUp) },
        WindowSize = GetInt(Keys.WindowSize),
        ResponseScale = Get(Keys.ResponseScale),
    };

    /// <summary>The trial of the settings.</summary>
    public TrialOptions ToTrial() => new()
    {
        Normalization = Get(Keys.Mode),
        NormalizationOptions = NormalizationOptions,
        HiddenFeatures = HiddenWidths,
        Patches = Patches,
        Initialization = Get(Keys.Initialization),
        InitializationScale = Get(Keys.InitializationScale),
        Epsilon = Get(Keys.Epsilon),
        BatchNormMomentum = Get(Keys.BatchNormMomentum).ToMomentum(),
        Epochs = GetInt(Keys.Epochs),
        LearningRate = Get(Keys.LearningRate),
        BatchSize = GetInt(Keys.BatchSize),
        Optimizer = Get(Keys.Optimizer),
        Momentum = Get(Keys.Momentum),
        WeightDecay = Get(Keys.WeightDecay),
        Shuffle = Get(Keys.Shuffle),
        DropLast = Get(Keys.DropLast),
        Seed = Get(Keys.Seed),
    };

    /// <summary>The optimizer steps of the settings.</summary>
    public long CountSteps() => Trial.CountSteps(ToTrial(), Get(Keys.TrainCount));

    /// <summary>One line a key: its value and where it came from.</summary>
    public IEnumerable<string> Describe() =>
        Keys.All.Select(k => $"{k.Path}: {k.ToJson(_values[k].Value)?.ToJsonString() ?? "null"}  ({_values[k].Origin.Place})");

    /// <summary>
    /// All values as the sections of <c>config.yaml</c>, without what only says which trainings to run (<c>sweep</c>); of hidden_dim and
    /// hidden_dims, the one in force.
    /// </summary>
    /// <param name="without">Keys to leave out.</param>
    public JsonObject ToJson(params IEnumerable<Key> without)
    {
        Key unused = Get(Keys.HiddenWidths) is null ? Keys.HiddenWidths : Keys.HiddenWidth;
        JsonObject document = [];
        foreach (Key key in Keys.All.Except([unused, .. SweepKeys.All, .. without]))
        {
            if (document[key.Section] is not JsonObject section)
            {
                document[key.Section] = section = [];
            }

            section[key.Name] = key.ToJson(_values[key].Value);
        }

        return document;
    }
}
