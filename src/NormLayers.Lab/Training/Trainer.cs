using System.Diagnostics;
using NormLayers.Lab.Data;
using NormLayers.Network;

namespace NormLayers.Lab.Training;

/// <summary>Trains a classifier by mini-batches: shuffle, forward, loss, backward, optimizer step.</summary>
/// <remarks>
/// The same network, data and options give the same bits on every run, with and without probes. Nothing is allocated in a
/// step after the first one that is not probed. A run stops as diverged at the first loss that is not finite or at least 1e31, from where no step leads back. It writes no console and no file; what happens is told to the observer.
/// </remarks>
public sealed class Trainer
{
    private const int EvaluationRows = 256;

    // From here no step leads back: an update is less than half an ulp of the weights that such logits come from. And normalization goes over to double.
    private const double HopelessLoss = 1e31;

    private readonly Sequential _network;
    private readonly Optimizer _optimizer;
    private readonly TrainingOptions _options;
    private readonly ITrainingObserver? _observer;

    /// <summary>Creates a trainer.</summary>
    /// <param name="network">The network; its output are logits, one for each class.</param>
    /// <param name="optimizer">The optimizer of the network's parameters, or of some of them.</param>
    /// <param name="options">Epochs, batch size, order of samples.</param>
    /// <param name="observer">Who is told of each step and epoch; may be null.</param>
    /// <exception cref="ArgumentException">The optimizer changes no parameter, or one that is not the network's.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An option out of range.</exception>
    public Trainer(Sequential network, Optimizer optimizer, TrainingOptions options, ITrainingObserver? observer = null)
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(optimizer);
        ArgumentNullException.ThrowIfNull(options);
        Throw.IfNotPositive(options.Epochs, nameof(options.Epochs));
        Throw.IfNotPositive(options.BatchSize, nameof(options.BatchSize));
        Throw.IfNotPositive(options.EvaluationInterval, nameof(options.EvaluationInterval));
        if (options.ProbeInterval < 0)
        {
            Throw.OutOfRange(nameof(options.ProbeInterval), "a number ≥ 0", options.ProbeInterval);
        }

        CheckOptimizer(network, optimizer);
        _network = network;
        _optimizer = optimizer;
        _options = options;
        _observer = observer;
    }

    /// <summary>The mean loss and the accuracy of a network on a data set, in evaluation mode; its mode and its layers' are restored afterwards.</summary>
    /// <param name="network">The network.</param>
    /// <param name="data">The samples; at least one.</param>
    /// <returns>Mean cross-entropy in nats and share of correct samples; they do not depend on how the samples are batched.</returns>
    /// <exception cref="ArgumentException">No sample, or other features or classes than the network's.</exception>
    public static Evaluation Evaluate(Sequential network, Dataset data)
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(data);
        return Evaluate(network, data, onLogits: null);
    }

    /// <summary>The same; the logits are passed on, with the place of their first sample.</summary>
    internal static Evaluation Evaluate(Sequential network, Dataset data, Action<int, ReadOnlySpan<float>>? onLogits)
    {
        CheckSet(network, data, nameof(data));
        using EvaluationMode evaluation = new(network);
        int D = data.FeatureCount;
        float[] logits = new float[Math.Min(EvaluationRows, data.Count) * data.ClassCount];
        double loss = 0;
        int correct = 0;
        for (int start = 0; start < data.Count; start += EvaluationRows)
        {
            int rows = Math.Min(EvaluationRows, data.Count - start);
            Span<float> output = logits.AsSpan(0, rows * data.ClassCount);
            network.Forward(data.Features.AsSpan(start * D, rows * D), (rows, D), output);
            (double batchLoss, int batchCorrect) = SoftmaxCrossEntropy.Evaluate(output, data.Labels.AsSpan(start, rows), default);
            loss += batchLoss * rows;
            correct += batchCorrect;
            onLogits?.Invoke(start, output);
        }

        return new Evaluation(loss / data.Count, (double)correct / data.Count);
    }

    /// <summary>Trains the network: <b>changes</b> its parameters and running statistics.</summary>
    /// <param name="data">What to train on, and what to test on after each epoch.</param>
    /// <param name="cancellationToken">Stops the training after the step at hand.</param>
    /// <returns>How it ended and what it came to; a diverged or cancelled run is a result, not an exception.</returns>
    /// <exception cref="ArgumentException">The data does not fit the network, or is smaller than one mini-batch that would be left out.</exception>
    public TrainingResult Fit(DataSplit data, CancellationToken cancellationToken = default) => Fit(data, checkpoints: null, cancellationToken);

    /// <summary>The same, saved as it goes, or going on from where it was saved.</summary>
    /// <param name="data">What to train on, and what to test on after each epoch.</param>
    /// <param name="checkpoints">When the training is saved, and what it goes on from; null for neither.</param>
    /// <param name="cancellationToken">Stops the training after the step at hand.</param>
    /// <returns>How it ended and what it came to; a diverged or cancelled run is a result, not an exception.</returns>
    /// <exception cref="ArgumentException">The data does not fit the network, or is smaller than one mini-batch that would be left out.</exception>
    /// <exception cref="InvalidDataException">The state to go on from is of another training, or damaged.</exception>
    public TrainingResult Fit(DataSplit data, Checkpoints? checkpoints, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(data);
        Check(data);
        MiniBatches batches = new(data.Train, _options);
        float[] logits = new float[batches.Size * data.Train.ClassCount];
        float[] dLogits = new float[logits.Length];
        TrainingPosition at = checkpoints?.Resume?.Position.Copy() ?? new();
        checkpoints?.Resume?.Check(_options.Epochs, batches);
        checkpoints?.Resume?.Restore(_network, _optimizer, batches);
        (double secondsBefore, long begun) = (at.SecondsBefore, Stopwatch.GetTimestamp());
        bool isSaved = checkpoints?.Save is not null;
        List<EpochMetrics> history = at.History;
        Divergence? divergence = null;
        long started = Stopwatch.GetTimestamp();
        long isDue = checkpoints?.Interval ?? 0;
        _network.Training = true;
        while (at.EpochsDone < _options.Epochs && !cancellationToken.IsCancellationRequested)
        {
            int epoch = at.EpochsDone + 1;
            if (!at.InEpoch)
            {
                (at.InEpoch, at.LossSum, at.Correct, at.Samples, at.Seconds) = (true, 0, 0, 0, 0);
                batches.StartEpoch();
            }

            started = Stopwatch.GetTimestamp();
            while (!cancellationToken.IsCancellationRequested && batches.Next() is { Count: > 0 } batch)
            {
                Span<float> output = logits.AsSpan(0, batch.Count * data.Train.ClassCount);
                Span<float> gradient = dLogits.AsSpan(0, output.Length);
                StepProbe? probe = IsProbed(at.Step) ? new StepProbe(_network, batch, output) : null;
                _network.Forward(batch.Features, batch.Shape, output);
                (double loss, int correct) = SoftmaxCrossEntropy.Evaluate(output, batch.Labels, gradient);
                if (!(loss < HopelessLoss))
                {
                    divergence = DivergenceDiagnosis.Find(_network, batch.Features, loss, _optimizer.LearningRate, at.Step + 1, epoch);
                    break;
                }

                _network.ZeroGradients();
                _network.Backward(batch.Features, output, gradient, default);
                _optimizer.Step();
                at.Step++;
                at.LossSum += loss * batch.Count;
                at.Correct += correct;
                at.Samples += batch.Count;
                StepMetrics stepMetrics = new(at.Step, epoch, batch.Count, loss, correct);
                if (probe is not null)
                {
                    ProbeRecord record = probe.Finish(stepMetrics, batch, output, gradient, _optimizer.LearningRate);
                    _observer!.OnProbe(record);
                    if (isSaved)
                    {
                        at.Probes.Add(record);
                    }
                }

                _observer?.OnStep(stepMetrics);
                if (isSaved && isDue > 0 && at.Step % isDue == 0 && !batches.EpochDone)
                {
                    Save();
                }
            }

            AddTime();
            if (divergence is not null || !batches.EpochDone)
            {
                break;
            }

            at.EpochsDone++;
            at.InEpoch = false;
            if (epoch % _options.EvaluationInterval == 0 || epoch == _options.Epochs)
            {
                EpochMetrics metrics = new(
                    epoch, at.Step, at.LossSum / at.Samples, (double)at.Correct / at.Samples, Evaluate(_network, data.Train), Evaluate(_network, data.Test), at.Seconds);
                history.Add(metrics);
                _observer?.OnEpoch(metrics);
            }

            if (isSaved && (isDue == 0 || at.Step % isDue == 0))
            {
                Save();
            }
        }

        // Before the first step there is nothing to go on from.
        if (isSaved && divergence is null && at.Step > 0 && cancellationToken.IsCancellationRequested)
        {
            Save();
        }

        // The last update is followed by no step whose loss would show that it was one too many: the evaluation does.
        if (divergence is null && at.EpochsDone == _options.Epochs && !(history[^1].Train.Loss < HopelessLoss))
        {
            divergence = DivergenceDiagnosis.Find(_network, data.Train.Features, history[^1].Train.Loss, _optimizer.LearningRate, at.Step + 1, _options.Epochs);
        }

        TrainingStatus status = divergence is not null ? TrainingStatus.Diverged
            : at.EpochsDone < _options.Epochs ? TrainingStatus.Cancelled
            : TrainingStatus.Completed;
        bool evaluated = status == TrainingStatus.Completed;
        return new TrainingResult(
            status,
            at.Step,
            evaluated ? history[^1].Train : Evaluate(_network, data.Train),
            evaluated ? history[^1].Test : Evaluate(_network, data.Test),
            history,
            divergence);

        void AddTime()
        {
            at.Seconds += Stopwatch.GetElapsedTime(started).TotalSeconds;
            started = Stopwatch.GetTimestamp();
        }

        void Save()
        {
            if (at.InEpoch)
            {
                AddTime();
            }

            at.SecondsBefore = secondsBefore + Stopwatch.GetElapsedTime(begun).TotalSeconds;
            checkpoints!.Save!(stream => TrainingState.Write(stream, _network, _optimizer, batches, at, checkpoints.Metadata));
            started = Stopwatch.GetTimestamp();
        }
    }

    private static void CheckOptimizer(Sequential network, Optimizer optimizer)
    {
        HashSet<Parameter> own = [.. network.Parameters];
        int foreign = optimizer.Parameters.Count(p => !own.Contains(p));
        if (foreign > 0 || (optimizer.Parameters.Count == 0 && own.Count > 0))
        {
            Throw.Argument(
                nameof(optimizer),
                "an optimizer of the network's own parameters (new SgdOptimizer(network.Parameters, ...))",
                foreign > 0 ? $"{foreign} of {optimizer.Parameters.Count} parameters that are not the network's" : "an optimizer without parameters");
        }
    }

    private bool IsProbed(long stepsDone) => _observer is not null && _options.ProbeInterval > 0 && stepsDone % _options.ProbeInterval == 0;

    private static void CheckSet(Sequential network, Dataset set, string name)
    {
        if (set.Count == 0)
        {
            Throw.Argument(name, "at least one sample", $"none in '{set.Name}'");
        }

        Shape output = Throw.IfRefused(network, (1, set.FeatureCount), "as many features as the network takes", $"{set.FeatureCount} in '{set.Name}'", name);
        if (output.Last != set.ClassCount)
        {
            Throw.Argument(name, $"{output.Last} classes, as many as the network has outputs", $"{set.ClassCount} in '{set.Name}'");
        }
    }

    private void Check(DataSplit data)
    {
        CheckSet(_network, data.Train, nameof(data));
        CheckSet(_network, data.Test, nameof(data));
        if (_options.DropLast && data.Train.Count < _options.BatchSize)
        {
            Throw.Argument(nameof(data), $"at least {_options.BatchSize} training samples, one mini-batch (DropLast leaves out a smaller one)", $"{data.Train.Count}");
        }
    }
}
