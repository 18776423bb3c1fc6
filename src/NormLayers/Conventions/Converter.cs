namespace NormLayers;

/// <summary>Makes a layer of a library's conventions from one of any.</summary>
/// <param name="conventions">The library's.</param>
/// <param name="terms">Its names.</param>
internal sealed class Converter(FrameworkConventions conventions, LibraryTerms terms)
{
    private readonly Dictionary<string, double> _arguments = [];
    private readonly Dictionary<string, float[]> _tensors = [];
    private readonly List<string> _notes = [];

    public Conversion Convert(Layer layer)
    {
        Layer converted = layer switch
        {
            GhostBatchNorm or BatchRenorm => Refuse(layer),
            BatchNorm norm => Of(norm),
            LayerNorm norm => Of(norm),
            RmsNorm norm => Of(norm),
            GroupNorm norm => Of(norm),
            InstanceNorm norm => Of(norm),
            _ => Refuse(layer),
        };
        if ((layer as MaskableLayer)?.Mask is { } mask)
        {
            Note(!terms.Masks(layer), "takes no mask, so masked elements count");
            Note(terms.Masks(layer), "normalizes masked elements too, while y is 0 there in this library");
            ((MaskableLayer)converted).Mask = terms.Masks(layer) ? mask : null;
        }

        converted.Training = layer.Training;
        string name = OfRank(terms.Of(layer).Name, layer is BatchNorm1D ? "1d" : layer is BatchNorm2D ? "2d" : layer is BatchNorm3D ? "3d" : null);
        return new Conversion(terms.Name, name, _arguments, _tensors, converted, _notes);
    }

    // A layer here that takes any rank is one of three there.
    private static string OfRank(string name, string? rank) => !name.Contains("1d", StringComparison.Ordinal) ? name
        : rank is null ? $"{name}, {OfRank(name, "2d")} or {OfRank(name, "3d")}"
        : name.Replace("1d", rank, StringComparison.Ordinal);

    private Layer Refuse(Layer layer)
    {
        Throw.Argument(nameof(layer), "a batch, layer, RMS, group or instance normalization", $"{layer.GetType().Name}, which the conversion to {terms.Name} does not know");
        return layer;
    }

    private BatchNorm Of(BatchNorm layer)
    {
        (bool gamma, bool beta) = Affine(layer, layer.Gamma, layer.Beta);
        Momentum momentum = MomentumOf(layer.Momentum, terms.HasCumulativeMomentum);
        Note(momentum.IsCumulative && layer.Running is not null, "takes momentum=None for a cumulative average, which is no number among the arguments");
        Note(layer is { Running: not null, NonFinite: NonFiniteStatistics.Throw }, "takes batches whose statistics are not finite");
        Note(layer.FreezeStatistics, "has no argument for frozen statistics: run the layer as in evaluation");
        Note(layer.Running is null && !terms.TracksOptionally, "always tracks running statistics, and evaluates with them");
        bool tracks = layer.Running is not null || !terms.TracksOptionally;
        BatchNorm converted = new(layer.Features, layer.Epsilon, momentum, gamma, beta, tracks, layer.NonFinite, name: layer.Name)
        {
            BiasedRunningVariance = terms.RunningVarianceIsBiased,
            FreezeStatistics = layer.FreezeStatistics,
        };
        AddEpsilon(layer.Epsilon);
        AddMomentum(momentum);
        Copy(layer, converted, converted.Gamma, converted.Beta);
        if (layer.Running is not null)
        {
            Note(
                layer.BiasedRunningVariance != terms.RunningVarianceIsBiased,
                $"tracks the {(terms.RunningVarianceIsBiased ? "biased" : "unbiased")} variance: the values are kept, so evaluation is the same, and further batches move them to {(terms.RunningVarianceIsBiased ? "(m − 1)/m" : "m/(m − 1)")} of what they were");
        }

        CopyRunning(layer.Running, converted.Running);
        return converted;
    }

    private LayerNorm Of(LayerNorm layer)
    {
        (bool gamma, bool beta) = Affine(layer, layer.Gamma, layer.Beta);
        LayerNorm converted = new(layer.NormalizedShape, layer.Epsilon, gamma, beta, name: layer.Name);
        AddEpsilon(layer.Epsilon);
        AddAxes(layer.NormalizedShape.Rank);
        Copy(layer, converted, converted.Gamma, converted.Beta);
        return converted;
    }

    private RmsNorm Of(RmsNorm layer)
    {
        (bool gamma, _) = Affine(layer, layer.Gamma, null);
        Note(layer.EpsilonOutsideRoot, "has ε under the root alone, so small rows come out different");
        RmsNorm converted = new(layer.Features, layer.Epsilon, gamma, name: layer.Name);
        AddEpsilon(layer.Epsilon);
        Copy(layer, converted, converted.Gamma, null);
        return converted;
    }

    private GroupNorm Of(GroupNorm layer)
    {
        (bool gamma, bool beta) = Affine(layer, layer.Gamma, layer.Beta);
        GroupNorm converted = new(layer.Groups, layer.Channels, layer.Epsilon, gamma, beta, name: layer.Name);
        AddEpsilon(layer.Epsilon);
        _arguments[terms.Groups] = layer.Groups;
        Copy(layer, converted, converted.Gamma, converted.Beta);
        return converted;
    }

    private InstanceNorm Of(InstanceNorm layer)
    {
        (bool gamma, bool beta) = Affine(layer, layer.Gamma, layer.Beta);
        bool tracks = layer.Running is not null && terms.HasInstanceStatistics;
        Note(layer.Running is not null && !tracks, "has no running statistics here, so evaluation uses an instance's own");
        Note(layer is { Running: not null, NonFinite: NonFiniteStatistics.Throw }, "takes batches whose statistics are not finite");
        Momentum momentum = tracks ? MomentumOf(layer.Momentum, hasCumulative: false) : layer.Momentum;
        InstanceNorm converted = new(layer.Channels, layer.Epsilon, momentum, gamma, beta, tracks, layer.NonFinite, name: layer.Name);
        AddEpsilon(layer.Epsilon);
        if (tracks)
        {
            AddMomentum(momentum);
        }

        if (terms.InstanceNorm.Name == terms.GroupNorm.Name)
        {
            _arguments[terms.Groups] = -1;
        }

        Copy(layer, converted, converted.Gamma, converted.Beta);
        CopyRunning(layer.Running, converted.Running);
        return converted;
    }

    // Which of γ and β the library's layer has.
    private (bool Gamma, bool Beta) Affine(Layer layer, Parameter? gamma, Parameter? beta)
    {
        Note((layer as INormalization)!.HasReLU, "has no ReLU in the layer: put one behind it");
        if (terms.CanHave(layer, gamma is not null, beta is not null))
        {
            return (gamma is not null, beta is not null);
        }

        bool shifts = beta is not null || !terms.CanHave(layer, gamma: true, beta: false);
        string added = gamma is not null ? "β" : beta is null && shifts ? "γ and β" : "γ";
        Note(true, $"cannot leave {added} out: they are frozen constants");
        return (true, shifts);
    }

    // The values, with 1 + γ as γ: the sum is rounded to float, as the layer itself does.
    private void Copy(Layer from, Layer to, Parameter? gamma, Parameter? beta)
    {
        bool onePlus = (from as NormalizationLayer)?.OnePlusGamma ?? ((RmsNorm)from).OnePlusGamma;
        foreach (Parameter parameter in to.Parameters)
        {
            Parameter? old = from.Parameters.FirstOrDefault(p => p.Name == parameter.Name);
            old?.Value.CopyTo(parameter.Value, 0);
            parameter.Frozen = old?.Frozen ?? true;
            if (parameter == gamma && onePlus)
            {
                System.Numerics.Tensors.TensorPrimitives.Add(parameter.Value, 1, parameter.Value);
            }
        }

        bool tracks = to is INormalization { Running: not null };
        foreach ((string name, bool isOn, bool _) in terms.Switches(to, gamma is not null, beta is not null, tracks).Where(s => s.IsOn != s.Default))
        {
            _arguments[name] = isOn ? 1 : 0;
        }

        if (gamma is not null)
        {
            _tensors[terms.Of(to).Gamma ?? terms.Gamma] = gamma.Value;
        }

        if (beta is not null)
        {
            _tensors[terms.Of(to).Beta ?? terms.Beta] = beta.Value;
        }
    }

    private void CopyRunning(RunningStatistics? from, RunningStatistics? to)
    {
        if (to is null)
        {
            return;
        }

        if (from is not null)
        {
            from.Mean.CopyTo(to.Mean, 0);
            from.Variance.CopyTo(to.Variance, 0);
            (to.BatchesSeen, to.SkippedUpdates) = (from.BatchesSeen, from.SkippedUpdates);
        }

        (_tensors[terms.RunningMean], _tensors[terms.RunningVariance]) = (to.Mean, to.Variance);
    }

    private void AddEpsilon(double epsilon) => _arguments[terms.EpsilonName] = epsilon;

    // 1 − 0.01 is not always the double nearest to 0.99.
    private void AddMomentum(Momentum momentum)
    {
        if (momentum.Rounded is { } weight)
        {
            _arguments["momentum"] = terms.MomentumWeighsNew ? weight : Math.Round(1 - weight, Momentum.Decimals);
        }
    }

    private Momentum MomentumOf(Momentum momentum, bool hasCumulative)
    {
        if (!momentum.IsCumulative || hasCumulative)
        {
            return momentum;
        }

        Note(true, $"has no cumulative average, so momentum is its default {Invariant(terms.Momentum)}");
        return conventions.Momentum(terms.Momentum);
    }

    // The last axis alone is every library's default. PyTorch's layer takes the sizes.
    private void AddAxes(int rank)
    {
        if (rank > 1 && terms.Axes is { } axes)
        {
            string list = string.Join(", ", Enumerable.Range(-rank, rank));
            Note(true, $"normalizes over the last axis unless {axes} = [{list}], which is no number among the arguments");
        }
        else if (rank > 1 && terms.HasFirstAxis)
        {
            _arguments["axis"] = -rank;
        }
    }

    private void Note(bool holds, string note)
    {
        if (holds)
        {
            _notes.Add($"{terms.Name} {note}.");
        }
    }

    private static string Invariant(double value) => value.ToString(System.Globalization.CultureInfo.InvariantCulture);
}
