using NormLayers.Lab.Data;

namespace NormLayers.Cli.Lab;

/// <summary>What trials were run on, as results and reports say it.</summary>
/// <param name="Source">How it was come by.</param>
/// <param name="Name">The name of the data.</param>
/// <param name="Hash">Names what was read, wherever it was read from; null for drawn data, which the configuration names.</param>
/// <param name="Header">Whether the first row of a file named its columns; null where there is no such row.</param>
/// <param name="LabelColumn">The column of the labels; null where there are no columns.</param>
/// <param name="Classes">The classes in their order.</param>
/// <param name="Remarks">What was decided when it was read, and what looks wrong.</param>
internal sealed record DataSummary(
    string Source, string Name, string? Hash, bool? Header, string? LabelColumn, IReadOnlyList<ClassSummary> Classes, IReadOnlyList<string> Remarks)
{
    public static DataSummary Of(string source, DataSplit split, string? hash, DataOrigin origin)
    {
        int[] train = split.Train.CountClasses();
        int[] test = split.Test.CountClasses();
        return new DataSummary(
            source, split.Train.Name, hash, origin.Header, origin.LabelColumn, [.. split.Train.ClassNames.Select((n, c) => new ClassSummary(n, train[c], test[c]))], origin.Remarks);
    }
}

/// <summary>A class and its samples.</summary>
/// <param name="Name">What the data call it.</param>
/// <param name="Train">How many samples it has in the training set.</param>
/// <param name="Test">How many in the test set.</param>
internal sealed record ClassSummary(string Name, int Train, int Test);
