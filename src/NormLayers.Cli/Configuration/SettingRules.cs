using NormLayers.Cli.Output;
using NormLayers.Lab.Data;
using NormLayers.Lab.Trials;
using NormLayers.Network;

namespace NormLayers.Cli.Configuration;

/// <summary>What must hold between keys.</summary>
internal sealed class SettingRules(Settings settings, List<Diagnostic> errors)
{
    private static readonly (Key Key, DataSource[] Sources)[] _keysOfSources =
    [
        (Keys.DataPath, [DataSource.Csv, DataSource.Idx]),
        (Keys.LabelColumn, [DataSource.Csv]),
        (Keys.Header, [DataSource.Csv]),
        (Keys.Delimiter, [DataSource.Csv]),
        (Keys.DecimalMark, [DataSource.Csv]),
        (Keys.SkipLines, [DataSource.Csv]),
        (Keys.Separation, [DataSource.Synthetic]),
        (Keys.ScaleSpread, [DataSource.Synthetic]),
        (Keys.OffsetSpread, [DataSource.Synthetic]),
    ];

    /// <summary>Checks what can be checked before the data is read.</summary>
    public void Check()
    {
        CheckPath();
        if (settings.Get(Keys.Source) == DataSource.Synthetic)
        {
            long samples = settings.Get(Keys.TrainCount);
            if (samples < settings.Get(Keys.Classes))
            {
                AddError($"{samples} training samples cannot hold {settings.Get(Keys.Classes)} classes; raise n_train", Keys.TrainCount, Keys.Classes);
            }

            CheckBatches(samples);
        }
    }

    /// <summary>Checks the mini-batches against the number of training samples, and what they and the network take against what there is.</summary>
    public void CheckBatches(long samples)
    {
        if (settings.Patches?.FindProblem(settings.GetInt(Keys.Features)) is { } problem)
        {
            AddError($"{problem}", Keys.Patches, Keys.PatchSize, Keys.PatchStride, Keys.Features);
            return;
        }

        CheckMemory();
        if (settings.IsUnreadable(Keys.Mode) || settings.IsUnreadable(Keys.DropLast))
        {
            return;
        }

        long batch = settings.Get(Keys.BatchSize);
        bool dropLast = settings.Get(Keys.DropLast);
        NormalizationKind? overBatch = Modes.FirstOrDefault(m => m.UsesBatch);
        if (dropLast && samples < batch)
        {
            AddError(
                $"with drop_last no mini-batch is left: {samples} training samples are fewer than batch_size {batch}; lower batch_size or set drop_last to false",
                Keys.BatchSize, Keys.DropLast, Keys.TrainCount);
        }
        else if (overBatch is not null && batch == 1)
        {
            AddError(
                $"{overBatch.Title} needs 2 samples or more in a mini-batch, got batch_size 1: one value per channel has no variance; raise batch_size, or use layernorm or none",
                Keys.BatchSize);
        }
        else if (overBatch is not null && !dropLast && samples % batch == 1)
        {
            AddError(
                $"{overBatch.Title} needs 2 samples or more in a mini-batch, but {samples} training samples in batches of {batch} leave 1 for the last; change batch_size or n_train, or set training.drop_last to true",
                Keys.BatchSize, Keys.TrainCount);
        }

        CheckNormalizations();
    }

    /// <summary>What was given and has no effect, in sentences.</summary>
    public IEnumerable<string> FindUnused()
    {
        DataSource source = settings.Get(Keys.Source);
        foreach ((Key key, DataSource[] sources) in _keysOfSources)
        {
            if (settings.IsGiven(key) && !sources.Contains(source))
            {
                yield return $"{key.Path} has no effect with data.source {Keys.DataSources.NameOf(source)}";
            }
        }

        foreach ((Key key, string option) in Keys.OptionsOfModes)
        {
            if (settings.IsGiven(key) && !Modes.Any(m => m.Options.Contains(option)))
            {
                yield return $"{key.Path} has no effect with model.normalization {string.Join(", ", Modes)}";
            }
        }

        if (settings.Get(Keys.ChunkSize) >= settings.Get(Keys.BatchSize) && Modes.Any(m => m.Options.Contains(nameof(NormalizationOptions.ChunkSize))))
        {
            yield return $"a mini-batch of {settings.Get(Keys.BatchSize)} is one chunk with {Keys.ChunkSize.Path} {settings.Get(Keys.ChunkSize)}: ghostbatchnorm is batchnorm then";
        }

        foreach (Key key in (Key[])[Keys.PatchSize, Keys.PatchStride])
        {
            if (settings.IsGiven(key) && settings.Patches is null)
            {
                yield return $"{key.Path} has no effect with model.network mlp";
            }
        }

        if (settings.Get(Keys.Momentum) > 0 && settings.Get(Keys.Optimizer) == OptimizerKind.Adam)
        {
            yield return "training.momentum has no effect with training.optimizer adam";
        }
    }

    private IReadOnlyList<NormalizationKind> Modes => settings.Modes.Count > 0 ? settings.Modes : [settings.Get(Keys.Mode)];

    private int Positions => settings.Patches?.PositionsOf(settings.GetInt(Keys.Features)) ?? 1;

    private NormalizationSettings SettingsOf(int width) => new(width) { Positions = Positions, Options = settings.NormalizationOptions };

    private void CheckNormalizations()
    {
        foreach (NormalizationKind mode in Modes)
        {
            Key[] options = [.. from o in Keys.OptionsOfModes where mode.Options.Contains(o.Option) && settings.IsGiven(o.Key) select o.Key];
            foreach (int width in settings.HiddenWidths.Distinct())
            {
                if (mode.Check(SettingsOf(width)) is { } problem)
                {
                    string hint = mode.NeedsPositions ? "; set model.network to patches, on images" : string.Empty;
                    AddError($"{problem}{hint}", [.. options, Keys.Mode, Keys.HiddenWidths, Keys.HiddenWidth]);
                }
            }
        }
    }

    private void CheckPath()
    {
        DataSource source = settings.Get(Keys.Source);
        if (source is not (DataSource.Csv or DataSource.Idx))
        {
            return;
        }

        string kind = source == DataSource.Csv ? "file" : "folder";
        if (settings.Get(Keys.DataPath) is not { } path)
        {
            AddError($"data.source {Keys.DataSources.NameOf(source)} needs data.path, the {kind} to read", Keys.Source);
        }
        else if (FileProblem.Finding(path, folder: source == DataSource.Idx) is { } reason)
        {
            AddError($"'{path}' {reason}", Keys.DataPath);
        }
        else if (ReadablePath.FindProblem(path) is { } problem)
        {
            AddError($"{problem}", Keys.DataPath);
        }
    }

    private void CheckMemory()
    {
        int before = errors.Count;
        long features = settings.Get(Keys.Features);
        foreach (Key<long> count in (Key<long>[])[Keys.TrainCount, Keys.TestCount])
        {
            if (settings.Get(count) * features > Array.MaxLength)
            {
                AddError(
                    $"{settings.Get(count)} samples of {features} features do not fit one array of {Array.MaxLength} numbers; lower {count.Name} or n_features",
                    count, Keys.Features);
            }
        }

        long rows = Math.Min(settings.Get(Keys.BatchSize), settings.Get(Keys.TrainCount));
        long positions = Positions;
        long patch = settings.Patches is { Size: var size } ? size * size : 0;
        long pixels = rows * positions * patch;
        if (pixels > Array.MaxLength)
        {
            AddError(
                $"a mini-batch of {rows} images, each cut into {positions} patches, does not fit one array of {Array.MaxLength} numbers; lower batch_size or patch_size, or raise patch_stride",
                Keys.BatchSize, Keys.Patches, Keys.PatchSize, Keys.PatchStride, Keys.Features);
        }

        long[] hidden = [patch > 0 ? patch : features, .. settings.HiddenWidths.Select(w => (long)w)];
        (long Rows, long Inputs, long Outputs)[] layers =
            [.. hidden.Zip(hidden.Skip(1), (inputs, outputs) => (rows * positions, inputs, outputs)), (rows, positions * hidden[^1], settings.Get(Keys.Classes))];
        foreach ((long layerRows, long inputs, long outputs) in layers)
        {
            if (layerRows * outputs > Array.MaxLength)
            {
                AddError(
                    $"a mini-batch of {layerRows} samples in a layer of width {outputs} does not fit one array of {Array.MaxLength} numbers; lower batch_size",
                    Keys.BatchSize, Keys.HiddenWidths, Keys.HiddenWidth);
            }

            if (inputs * outputs > Array.MaxLength)
            {
                AddError(
                    $"a layer of {inputs} x {outputs} weights does not fit one array of {Array.MaxLength} numbers",
                    Keys.HiddenWidths, Keys.HiddenWidth, Keys.Features);
            }
        }

        if (errors.Count == before)
        {
            CheckTotal(features, pixels, layers);
        }
    }

    // The least that it takes: data, parameters with their gradients and the optimizer's numbers, and each linear layer's output with its gradient, the patches among them.
    private void CheckTotal(long features, long pixels, (long Rows, long Inputs, long Outputs)[] layers)
    {
        double copies = settings.Get(Keys.Optimizer) == OptimizerKind.Adam ? 4 : settings.Get(Keys.Momentum) > 0 ? 3 : 2;
        double parameters = layers.Sum(l => (l.Inputs + 1.0) * l.Outputs)
            + Modes.Max(m => settings.HiddenWidths.Select(SettingsOf).Where(s => m.Check(s) is null).Sum(s => (double)m.CountParameters(s)));
        double numbers = ((double)settings.Get(Keys.TrainCount) + settings.Get(Keys.TestCount)) * features + 2.0 * pixels
            + copies * parameters + layers.Sum(l => 2.0 * l.Rows * l.Outputs);

        const double Gigabyte = 1 << 30;
        double needed = numbers * sizeof(float) / Gigabyte;
        double available = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / Gigabyte;
        if (needed > available)
        {
            AddError(
                $"data and network take {needed:0.0} GiB of memory or more, and there are {available:0.0} GiB; lower n_train, n_features, the hidden widths{(pixels > 0 ? ", patch_size" : "")} or batch_size",
                Keys.TrainCount, Keys.TestCount, Keys.Features, Keys.HiddenWidths, Keys.HiddenWidth, Keys.BatchSize, Keys.PatchSize, Keys.PatchStride);
        }
    }

    // The error names the setting that the user changed last. It would mislead where one of the keys could not be read.
    private void AddError(FormattableString message, params Key[] keys)
    {
        if (keys.Any(settings.IsUnreadable))
        {
            return;
        }

        Key latest = keys.MaxBy(k => settings.OriginOf(k).Source)!;
        errors.Add(new Diagnostic(settings.PlaceOf(latest), FormattableString.Invariant(message)));
    }
}
