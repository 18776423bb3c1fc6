namespace NormLayers.Exchange;

/// <summary>The numbers of a field of a protobuf message, in however many pieces it has them: one by one, or packed.</summary>
/// <param name="field">The field.</param>
/// <param name="size">The bytes of a number, 4 or 8; 0 for integers of 1 to 10 bytes.</param>
internal readonly struct ProtobufNumbers(int field, int size = 0)
{
    /// <summary>How many there are; −1 if some are of another kind, or cut short.</summary>
    public int Count(ProtobufReader message)
    {
        int count = 0;
        while (count >= 0 && message.Next())
        {
            int more = message.Field == field ? message.Count(size) : 0;
            count = more < 0 ? more : count + more;
        }

        return count;
    }

    /// <summary>The same.</summary>
    /// <exception cref="InvalidDataException">Some are of another kind, or cut short.</exception>
    public int CheckedCount(ProtobufReader message)
    {
        int count = 0;
        while (message.Next())
        {
            count += message.Field == field ? message.CheckedCount(size) : 0;
        }

        return count;
    }

    /// <summary>Reads integers.</summary>
    /// <param name="message">The message.</param>
    /// <param name="numbers">Where to; as many as there are.</param>
    public void Read(ProtobufReader message, Span<long> numbers)
    {
        while (message.Next())
        {
            if (message.Field == field)
            {
                Span<long> some = numbers[..message.Count(size)];
                message.ReadIntegers(some, static i => i);
                numbers = numbers[some.Length..];
            }
        }
    }
}
