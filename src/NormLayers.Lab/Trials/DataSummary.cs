using NormLayers.Lab.Data;

namespace NormLayers.Lab.Trials;

/// <summary>What trials were run on, as results and reports say it.</summary>
/// <param name="Source">How it was come by.</param>
/// <param name="Name">The name of the data.</param>
/// <param name="Hash">Names what was read, wherever it was read from; null for drawn data, which the configuration names.</param>
/// <param name="Header">Whether the first row of a file named its columns; null where there is no such row.</param>
/// <param name="LabelColumn">The column of the labels; null where there are no columns.</param>
/// <param name="Classes">The classes in their order.</param>
/// <param name="Remarks">What was decided when it was read, and what looks wrong.</param>
public sealed record DataSummary(
    string Source, string Name, string? Hash, bool? Header, string? LabelColumn, IReadOnlyList<ClassSummary> Classes, IReadOnlyList<string> Remarks)
{
    /// <summary>
    /// The loss of guessing in nats: the lowest training loss of an answer that does not look at the sample. It is the entropy of the classes' shares in
    /// the training set, ln(classes) if all are equally frequent.
    /// </summary>
    public double GuessingLoss
    {
        get
        {
            double samples = Classes.Sum(c => (double)c.Train);
            return Classes.Where(c => c.Train > 0).Sum(c => c.Train / samples * Math.Log(samples / c.Train));
        }
    }

    /// <summary>The summary of a split.</summary>
    /// <param name="source">How it was come by.</param>
    /// <param name="split">The split.</param>
    /// <param name="hash">Names what was read; null for drawn data.</param>
    /// <param name="origin">What was decided when it was read.</param>
    public static DataSummary Of(string source, DataSplit split, string? hash, DataOrigin origin)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(split);
        ArgumentNullException.ThrowIfNull(origin);
        int[] train = split.Train.CountClasses();
        int[] test = split.Test.CountClasses();
        return new DataSummary(
            source, split.Train.Name, hash, origin.Header, origin.LabelColumn, [.. split.Train.ClassNames.Select((n, c) => new ClassSummary(n, train[c], test[c]))], origin.Remarks);
    }
}
