namespace NormLayers.Lab.Trials;

/// <summary>Watches many trials. Calls come from several threads at once; an exception ends all trials and reaches the caller.</summary>
public interface ITrialsObserver
{
    /// <summary>Called before the first trial.</summary>
    /// <param name="trials">How many are to be run.</param>
    /// <param name="steps">The optimizer steps of all of them, or their work in another unit.</param>
    void OnStart(int trials, long steps)
    {
    }

    /// <summary>Called as trials go on.</summary>
    /// <param name="steps">The steps since the last call; a trial that diverged counts the steps it did not take when it ends.</param>
    /// <param name="trials">The trials that ended since.</param>
    void OnProgress(long steps, int trials)
    {
    }

    /// <summary>Called when a trial of a comparison or sweep ends.</summary>
    /// <param name="trial">What it came to.</param>
    void OnTrial(TrialResult trial)
    {
    }
}
