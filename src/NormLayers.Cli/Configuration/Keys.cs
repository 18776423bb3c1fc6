using NormLayers.Lab.Data;
using NormLayers.Lab.Trials;
using NormLayers.Network;

namespace NormLayers.Cli.Configuration;

/// <summary>Which data a run trains on.</summary>
internal enum DataSource
{
    Synthetic,
    Digits,
    Csv,
    Idx,
}

/// <summary>Which messages the log keeps.</summary>
internal enum LoggingLevel
{
    Debug,
    Info,
    Warning,
    Error,
}

/// <summary>Every key of the configuration, in the order of the documents. <c>docs/configuration.md</c> says what each means.</summary>
internal static class Keys
{
    private const long MostSamples = 100_000_000;
    private const long MostFeatures = 1_000_000;
    private const long WidestLayer = 65_536;

    // 2⁵³ − 1: the largest integer that every reader of JSON keeps exactly.
    public const long LargestSeed = 9_007_199_254_740_991;

    private static readonly SyntheticOptions _synthetic = new();
    private static readonly PatchOptions _patches = new();
    private static readonly NormalizationOptions _options = NormalizationOptions.Default;

    public static ChoiceType<DataSource> DataSources { get; } = new(
        ("synthetic", DataSource.Synthetic), ("digits", DataSource.Digits), ("csv", DataSource.Csv), ("idx", DataSource.Idx));

    public static ChoiceType<NormalizationKind> Modes { get; } = new(
        [.. NormalizationKind.All.OrderBy(k => k.Name, StringComparer.Ordinal).Select(k => (k.Name, k))]);

    public static ChoiceType<OptimizerKind> Optimizers { get; } = new(("sgd", OptimizerKind.Sgd), ("adam", OptimizerKind.Adam));

    public static Key<LoggingLevel> LogLevel { get; } = new("logging.level", LoggingLevel.Info, new ChoiceType<LoggingLevel>(
        ("DEBUG", LoggingLevel.Debug), ("INFO", LoggingLevel.Info), ("WARNING", LoggingLevel.Warning), ("ERROR", LoggingLevel.Error)));

    public static Key<string?> LogFile { get; } = new(
        "logging.file", null, new OptionalType<string>(new OutputPathType("the path of a file")));

    public static Key<DataSource> Source { get; } = new("data.source", DataSource.Synthetic, DataSources);

    public static Key<string?> DataPath { get; } = new("data.path", null, Optional("the path of a file (csv) or folder (idx)"));

    public static Key<long> TrainCount { get; } = new("data.n_train", _synthetic.TrainCount, new IntegerType(1, MostSamples));

    public static Key<long> TestCount { get; } = new("data.n_test", _synthetic.TestCount, new IntegerType(1, MostSamples));

    public static Key<long> Features { get; } = new("data.n_features", _synthetic.Features, new IntegerType(1, MostFeatures));

    public static Key<long> Classes { get; } = new("data.n_classes", _synthetic.Classes, new IntegerType(2, 10_000));

    public static Key<long> Seed { get; } = new("data.random_seed", 42, new IntegerType(0, LargestSeed));

    public static Key<bool?> Standardize { get; } = new("data.standardize", null, new OptionalValueType<bool>(new BooleanType()));

    public static Key<double> Separation { get; } = new("data.separation", _synthetic.Separation, new NumberType(0, 1e6));

    public static Key<double> ScaleSpread { get; } = new("data.scale_spread", _synthetic.ScaleSpread, new NumberType(0, 30));

    public static Key<double> OffsetSpread { get; } = new("data.offset_spread", _synthetic.OffsetSpread, new NumberType(0, 1e6));

    public static Key<string?> LabelColumn { get; } = new("data.label_column", null, Optional("the name or number of a column"));

    public static Key<bool?> Header { get; } = new("data.header", null, new OptionalValueType<bool>(new BooleanType()));

    public static Key<char> Delimiter { get; } = new("data.delimiter", ',', new CharacterType("one character, no quote or line break", "\"\r\n\0"));

    public static Key<char> DecimalMark { get; } = new("data.decimal_mark", '.', new ChoiceType<char>(("point", '.'), ("comma", ',')));

    public static Key<long> SkipLines { get; } = new("data.skip_lines", 0, new IntegerType(0, int.MaxValue));

    public static Key<NormalizationKind> Mode { get; } = new("model.normalization", NormalizationKind.BatchNorm, Modes);

    public static Key<long> HiddenWidth { get; } = new("model.hidden_dim", 32, new IntegerType(1, WidestLayer));

    public static Key<IReadOnlyList<long>?> HiddenWidths { get; } = new(
        "model.hidden_dims", null, new OptionalType<IReadOnlyList<long>>(new IntegerListType(new IntegerType(1, WidestLayer), 100)));

    public static Key<bool> Patches { get; } = new("model.network", false, new ChoiceType<bool>(("mlp", false), ("patches", true)));

    public static Key<long> PatchSize { get; } = new("model.patch_size", _patches.Size, new IntegerType(1, 1000));

    public static Key<long> PatchStride { get; } = new("model.patch_stride", _patches.Stride, new IntegerType(1, 1000));

    public static Key<Initialization> Initialization { get; } = new("model.initialization", Network.Initialization.HeNormal, new ChoiceType<Initialization>(
        ("he_normal", Network.Initialization.HeNormal),
        ("he_uniform", Network.Initialization.HeUniform),
        ("xavier_normal", Network.Initialization.XavierNormal),
        ("xavier_uniform", Network.Initialization.XavierUniform)));

    public static Key<double> InitializationScale { get; } = new("model.initialization_scale", 1, new NumberType(0, 1e6, withoutLeast: true));

    public static Key<double> Epsilon { get; } = new("model.epsilon", 1e-5, new NumberType(0, 1));

    public static Key<MomentumSetting> BatchNormMomentum { get; } = new(
        "model.batchnorm_momentum", new MomentumSetting(MomentumSetting.NewWeight, 0.1), new MomentumType());

    public static Key<long?> Groups { get; } = new("model.groups", null, new OptionalValueType<long>(new IntegerType(1, WidestLayer)));

    public static Key<long> ChunkSize { get; } = new("model.chunk_size", _options.ChunkSize, new IntegerType(2, MostSamples));

    public static Key<double> RenormRMax { get; } = new("model.renorm_r_max", _options.Limits.RMax, new NumberType(1, 1e6));

    public static Key<double> RenormDMax { get; } = new("model.renorm_d_max", _options.Limits.DMax, new NumberType(0, 1e6));

    public static Key<long> RenormWarmUp { get; } = new("model.renorm_warmup_steps", _options.Limits.WarmUpSteps, new IntegerType(0, 1_000_000_000));

    public static Key<long> WindowSize { get; } = new("model.window_size", _options.WindowSize, new IntegerType(1, WidestLayer));

    public static Key<double> ResponseScale { get; } = new("model.response_scale", _options.ResponseScale, new NumberType(0, 1e6));

    public static Key<long> Epochs { get; } = new("training.epochs", 30, new IntegerType(1, 1_000_000));

    public static Key<double> LearningRate { get; } = new("training.learning_rate", 0.05, new NumberType(0, 1e30, withoutLeast: true));

    public static Key<long> BatchSize { get; } = new("training.batch_size", 32, new IntegerType(1, MostSamples));

    public static Key<OptimizerKind> Optimizer { get; } = new("training.optimizer", OptimizerKind.Sgd, Optimizers);

    public static Key<double> Momentum { get; } = new("training.momentum", 0, new NumberType(0, 1, withoutMost: true));

    public static Key<double> WeightDecay { get; } = new("training.weight_decay", 0, new NumberType(0, 1e6));

    public static Key<bool> Shuffle { get; } = new("training.shuffle", true, new BooleanType());

    public static Key<bool> DropLast { get; } = new("training.drop_last", false, new BooleanType());

    public static Key<long> ProbeInterval { get; } = new("training.probe_interval", 0, new IntegerType(0, 1_000_000_000));

    public static IReadOnlyList<Key> All { get; } =
    [
        LogLevel, LogFile,
        Source, DataPath, TrainCount, TestCount, Features, Classes, Seed, Standardize,
        Separation, ScaleSpread, OffsetSpread, LabelColumn, Header, Delimiter, DecimalMark, SkipLines,
        Mode, HiddenWidth, HiddenWidths, Patches, PatchSize, PatchStride, Initialization, InitializationScale, Epsilon, BatchNormMomentum,
        Groups, ChunkSize, RenormRMax, RenormDMax, RenormWarmUp, WindowSize, ResponseScale,
        Epochs, LearningRate, BatchSize, Optimizer, Momentum, WeightDecay, Shuffle, DropLast, ProbeInterval,
        .. SweepKeys.All,
    ];

    /// <summary>The keys of what only some normalizations have, with the name of the option that each sets.</summary>
    public static IReadOnlyList<(Key Key, string Option)> OptionsOfModes { get; } =
    [
        (Groups, nameof(NormalizationOptions.Groups)),
        (ChunkSize, nameof(NormalizationOptions.ChunkSize)),
        (RenormRMax, nameof(NormalizationOptions.Limits)),
        (RenormDMax, nameof(NormalizationOptions.Limits)),
        (RenormWarmUp, nameof(NormalizationOptions.Limits)),
        (WindowSize, nameof(NormalizationOptions.WindowSize)),
        (ResponseScale, nameof(NormalizationOptions.ResponseScale)),
    ];

    public static IEnumerable<string> Sections { get; } = All.Select(k => k.Section).Distinct();

    public static Key? Find(string path) => All.FirstOrDefault(k => k.Path == path);

    private static OptionalType<string> Optional(string expected) => new(new TextType(expected));
}
