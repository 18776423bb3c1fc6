namespace NormLayers.Cli.Configuration;

/// <summary>A value given for a key, not yet checked.</summary>
/// <param name="Key">The key.</param>
/// <param name="Value">The value.</param>
/// <param name="Origin">The position of the key.</param>
internal sealed record Assignment(Key Key, ConfigNode Value, Origin Origin);
