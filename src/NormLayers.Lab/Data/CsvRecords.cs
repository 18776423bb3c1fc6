using System.Runtime.InteropServices;
using System.Text;

namespace NormLayers.Lab.Data;

/// <summary>Takes a text apart into records and fields as RFC 4180 has them, holding one record at a time.</summary>
/// <remarks>Any line ending is accepted, a byte order mark and blank lines are passed over; quoting is strict.</remarks>
internal sealed class CsvRecords
{
    private const int End = -1;
    private const char Quote = '"';
    private const char ByteOrderMark = '\uFEFF';

    private readonly TextReader _reader;
    private readonly string _path;
    private readonly char _delimiter;
    private readonly char[] _buffer = new char[1 << 14];
    private readonly List<char> _text = [];
    private readonly List<int> _ends = [];
    private int _position;
    private int _length;
    private long _line = 1;

    public CsvRecords(TextReader reader, string path, char delimiter)
    {
        _reader = reader;
        _path = path;
        _delimiter = delimiter;
        if (Peek() == ByteOrderMark)
        {
            _position++;
        }
    }

    /// <summary>The number of fields of the record last read.</summary>
    public int Count => _ends.Count;

    /// <summary>The line on which that record begins, counted from 1.</summary>
    public long Line { get; private set; }

    /// <summary>A field of that record, unquoted and without blanks around it; valid until the next record is read.</summary>
    public ReadOnlySpan<char> this[int column]
    {
        get
        {
            int start = column == 0 ? 0 : _ends[column - 1];
            return CollectionsMarshal.AsSpan(_text)[start.._ends[column]].Trim();
        }
    }

    /// <summary>Passes over a line, whatever is in it.</summary>
    /// <returns>False at the end of the text.</returns>
    public bool SkipLine()
    {
        int c;
        do
        {
            c = Next();
        }
        while (c is not ('\n' or End));
        return c != End;
    }

    /// <summary>Reads the next record that is not a blank line.</summary>
    /// <returns>False at the end of the text.</returns>
    public bool Read()
    {
        while (Peek() != End)
        {
            Line = _line;
            if (ReadRecord())
            {
                return true;
            }
        }

        return false;
    }

    private bool ReadRecord()
    {
        _text.Clear();
        _ends.Clear();
        bool quoted = false;
        int end;
        do
        {
            bool quotedField = Peek() == Quote;
            quoted |= quotedField;
            end = quotedField ? ReadQuoted() : ReadPlain();
            _ends.Add(_text.Count);
        }
        while (end == _delimiter);

        return quoted || Count > 1 || this[0].Length > 0;
    }

    // Both return what ended the field: the delimiter, '\n' or the end of the text.
    private int ReadPlain()
    {
        while (true)
        {
            int c = Next();
            if (c == _delimiter || c is '\n' or End)
            {
                return c;
            }

            if (c == Quote)
            {
                throw new DataFormatException(
                    _path, $"expected field {Count + 1} to be quoted from its start or not at all, got a quote within it.", _line);
            }

            _text.Add((char)c);
        }
    }

    private int ReadQuoted()
    {
        long opened = _line;
        Next();
        while (true)
        {
            int c = Next();
            if (c == End)
            {
                throw new DataFormatException(
                    _path, $"expected the quote that opens field {Count + 1} to be closed, got the end of the file.", opened);
            }

            if (c != Quote)
            {
                _text.Add((char)c);
                continue;
            }

            c = Next();
            if (c == _delimiter || c is '\n' or End)
            {
                return c;
            }

            if (c != Quote)
            {
                throw new DataFormatException(
                    _path, $"expected a delimiter or the end of the line after the quoted field {Count + 1}, got more text.", _line);
            }

            _text.Add(Quote);
        }
    }

    private int Next()
    {
        int c = Peek();
        if (c == End)
        {
            return c;
        }

        _position++;
        if (c == '\r')
        {
            c = '\n';
            if (Peek() == '\n')
            {
                _position++;
            }
        }

        if (c == '\n')
        {
            _line++;
        }

        return c;
    }

    private int Peek()
    {
        if (_position == _length)
        {
            _position = 0;
            try
            {
                _length = _reader.Read(_buffer);
            }
            catch (DecoderFallbackException e)
            {
                throw new DataFormatException(_path, "expected UTF-8 text, got other bytes, here or further on.", _line, innerException: e);
            }
        }

        return _length == 0 ? End : _buffer[_position];
    }
}
