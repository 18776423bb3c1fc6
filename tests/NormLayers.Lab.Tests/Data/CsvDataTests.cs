using System.Globalization;
using System.Text;
using NormLayers.Lab.Data;

namespace NormLayers.Lab.Tests.Data;

public class CsvDataTests
{
    private static Dataset Read(string text, CsvOptions? options = null)
    {
        using StringReader reader = new(text);
        return CsvData.Read(reader, "data.csv", options);
    }

    private static DataFormatException Refused(string text, CsvOptions? options = null)
    {
        DataFormatException e = Assert.Throws<DataFormatException>(() => Read(text, options));
        Assert.Equal("data.csv", e.Path);
        Assert.StartsWith(e.Line is { } line ? $"data.csv, line {line}: " : "data.csv: ", e.Message, StringComparison.Ordinal);
        return e;
    }

    [Fact]
    public void Read_HeaderWithALineBreakInQuotes_IsAHeader() =>
        Assert.True(CsvData.Read(new StringReader("\"x\nz\",y,kind\n1,2,a\n3,4,b\n"), "t.csv").Origin.Header);

    [Fact]
    public void Read_NumbersAndWords_GivesFeaturesAndClasses()
    {
        Dataset data = Read("x,y,kind\n1,-2.5,dog\n3e2, 4 ,cat\n.5,+6,dog\n");

        Assert.Equal([1, -2.5f, 300, 4, 0.5f, 6], data.Features);
        Assert.Equal([1, 0, 1], data.Labels);
        Assert.Equal(["cat", "dog"], data.ClassNames);
        Assert.Equal((2, 2, "data.csv"), (data.FeatureCount, data.ClassCount, data.Name));
    }

    [Fact]
    public void Read_NumericLabels_SortsByValueNotByText()
    {
        Dataset data = Read("0,10\n0,9\n0,-1\n0,9.0\n");

        Assert.Equal(["-1", "9", "10"], data.ClassNames);
        Assert.Equal([2, 1, 0, 1], data.Labels);
    }

    [Fact]
    public void Read_OneWordAmongNumericLabels_SortsAllAsWords() =>
        Assert.Equal(["10", "9", "other"], Read("0,9\n0,10\n0,other\n").ClassNames);

    [Fact]
    public void Read_WordLabels_SortsOrdinally() =>
        Assert.Equal(["B", "a", "ä"], Read("0,ä\n0,a\n0,B\n").ClassNames);

    [Theory]
    [InlineData("1,2,a\n3,4,b")]
    [InlineData("1,2,a\r\n3,4,b\r\n")]
    [InlineData("1,2,a\r3,4,b\r")]
    [InlineData("\uFEFF1,2,a\n3,4,b\n")]
    [InlineData("\n1,2,a\n\n  \n3,4,b\n\n\r\n\n")]
    [InlineData("\"1\",\"2\",\"a\"\r\n\"3\",4,\"b\"")]
    [InlineData("u,v,w\n1,2,a\n3,4,b\n")]
    public void Read_EquivalentTexts_GiveTheSameSamples(string text)
    {
        Dataset data = Read(text);

        Assert.Equal([1, 2, 3, 4], data.Features);
        Assert.Equal(["a", "b"], data.ClassNames);
    }

    [Fact]
    public void Read_QuotedFields_KeepDelimitersQuotesAndLineBreaks() =>
        Assert.Equal(["a,b", "c\"d", "e\nf"], Read("1,\"a,b\"\n1,\"c\"\"d\"\n1,\"e\r\nf\"\n").ClassNames);

    [Theory]
    [InlineData(null, new float[] { 1, 2, 4, 5 })]
    [InlineData("0", new float[] { 2, 3, 5, 6 })]
    [InlineData("1", new float[] { 1, 3, 4, 6 })]
    [InlineData("-1", new float[] { 1, 2, 4, 5 })]
    [InlineData("-3", new float[] { 2, 3, 5, 6 })]
    [InlineData("b", new float[] { 1, 3, 4, 6 })]
    public void Read_LabelColumn_IsLeftOutOfTheFeatures(string? column, float[] features) =>
        Assert.Equal(features, Read("a,b,c\n1,2,3\n4,5,6\n", new CsvOptions { LabelColumn = column }).Features);

    [Fact]
    public void Read_LabelNameOverNumericColumnNames_TakesTheFirstRowAsHeader()
    {
        Dataset data = Read("1,2,kind\n3,4,0\n5,6,1\n", new CsvOptions { LabelColumn = "kind" });

        Assert.Equal([3, 4, 5, 6], data.Features);
    }

    [Fact]
    public void Read_FirstRowOfNumbers_IsASampleUnlessToldOtherwise()
    {
        const string Text = "1,2,0\n3,4,1\n5,6,2\n";

        Assert.Equal(3, Read(Text).Count);
        Assert.Equal(2, Read(Text, new CsvOptions { Header = true }).Count);
    }

    [Fact]
    public void Read_SkipLines_PassesOverAnything() =>
        Assert.Equal(2, Read("# a \"comment\n4,\n1,0\n2,1\n", new CsvOptions { SkipLines = 2 }).Count);

    [Theory]
    [InlineData(';')]
    [InlineData('\t')]
    [InlineData(' ')]
    public void Read_Delimiter_Separates(char delimiter) =>
        Assert.Equal([1, 2], Read($"1{delimiter}a\n2{delimiter}b\n", new CsvOptions { Delimiter = delimiter }).Features);

    [Fact]
    public void Read_OtherCulture_ReadsTheSameNumbers()
    {
        CultureInfo before = CultureInfo.CurrentCulture;
        try
        {
            CultureInfo.CurrentCulture = new CultureInfo("") { NumberFormat = { NumberDecimalSeparator = ",", NumberGroupSeparator = "." } };
            Assert.Equal([1.5f, 2.25f], Read("1.5,0.5\n2.25,1.5\n").Features);
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    [Theory]
    [InlineData("", null, "empty")]
    [InlineData("\n\r\n", null, "empty")]
    [InlineData("\uFEFF", null, "empty")]
    [InlineData("1,2,a\n3,b\n", 2, "expected 3 fields as in line 1, got 2")]
    [InlineData("1,2,a\n\n3,4,5,b\n", 3, "expected 3 fields as in line 1, got 4")]
    [InlineData("x,y,k\n1,2,a\n3,?,b\n", 3, "expected a finite number in column 'y', got '?'")]
    [InlineData("1,2,a\n3,,b\n", 2, "expected a finite number in column 1 (counted from 0), got ''")]
    [InlineData("1,2,a\nNaN,4,b\n", 2, "column 0 (counted from 0), got 'NaN'")]
    [InlineData("1,2,a\n3,-Infinity,b\n", 2, "got '-Infinity'")]
    [InlineData("1,2,a\n3,1e309,b\n", 2, "got '1e309'")]
    [InlineData("1,2,a\n3,1.5\0,b\n", 2, "got '1.5\uFFFD'")]
    [InlineData("1,2,a\n3,\"1,5\",b\n", 2, "got '1,5'")]
    [InlineData("1,2,a\n3,4,\n", 2, "expected a class label in column 2")]
    [InlineData("1,2,a\n3,4,a\n", null, "expected two classes or more in column 2 (counted from 0), got only 'a'")]
    [InlineData("x,y,k\n", 1, "below the header")]
    [InlineData("1\n2\n", 1, "separated by ',', got one field.")]
    [InlineData("1;2;a\n3;4;b\n", 1, "got one field (fields separated by ';'? set the delimiter, data.delimiter).")]
    [InlineData("1\t2\ta\n3\t4\tb\n", 1, "got one field (fields separated by tabs? set the delimiter, data.delimiter).")]
    [InlineData("x,y,k\n1,5;2,a\n", 2, "got '5;2' (fields separated by ';'? set the delimiter, data.delimiter)")]
    [InlineData("1,2,a\n3,4,\"b\n5,6,a\n", 2, "closed, got the end of the file")]
    [InlineData("1,2,a\n3,4,b\"c\n", 2, "got a quote within it")]
    [InlineData("1,2,a\n3,\"4\"5,b\n", 2, "after the quoted field 2, got more text")]
    public void Read_BadText_NamesLineExpectedAndActual(string text, int? line, string message)
    {
        DataFormatException e = Refused(text);

        Assert.Equal(line, e.Line);
        Assert.Contains(message, e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("z", "one column named 'z', got 'a,b,b'")]
    [InlineData("b", "one column named 'b', got 'a,b,b'")]
    [InlineData("3", "at least 4 fields for label column 3, got 3")]
    [InlineData("-4", "at least 4 fields for label column -4, got 3")]
    [InlineData("-2147483648", "at least 2147483648 fields")]
    public void Read_LabelColumnThatIsNotThere_SaysWhatIs(string column, string message)
    {
        DataFormatException e = Refused("a,b,b\n1,2,3\n", new CsvOptions { LabelColumn = column });

        Assert.Contains(message, e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("spceies", "did you mean 'species'?")]
    [InlineData("Species", "did you mean 'species'?")]
    [InlineData("variety", "got 'width,species'.")]
    public void Read_MisspeltLabelColumn_NamesTheNearest(string column, string message) =>
        Assert.EndsWith(message, Refused("width,species\n1,a\n2,b\n", new CsvOptions { LabelColumn = column }).Message, StringComparison.Ordinal);

    [Fact]
    public void Read_MisspeltLabelColumnOfAnUnprintableName_IsQuotedInOneWay() =>
        Assert.EndsWith(
            "got '1,a\uFFFD[31mred'; did you mean 'a\uFFFD[31mred'?",
            Refused("1,a\u001B[31mred\n1,a\n2,b\n", new CsvOptions { LabelColumn = "a[31mrad" }).Message,
            StringComparison.Ordinal);

    [Fact]
    public void Read_LabelNameWithoutHeader_IsAnError() =>
        Refused("a,1\nb,2\n", new CsvOptions { LabelColumn = "a", Header = false });

    [Fact]
    public void Read_LongOrUnprintableField_IsShownShortAndOnOneLine()
    {
        DataFormatException e = Refused("1,a\n\"" + new string('x', 1000) + "\",b\n");
        Assert.True(e.Message.Length < 200, e.Message);

        e = Refused("1,a\n\"\0\n\u001b[31m\",b\n");
        Assert.DoesNotContain(e.Message, char.IsControl);
    }

    [Theory]
    [InlineData(-1, ',', "SkipLines")]
    [InlineData(0, '"', "Delimiter")]
    [InlineData(0, '\n', "Delimiter")]
    public void Read_BadOptions_Throws(int skipLines, char delimiter, string name)
    {
        ArgumentException e = Assert.ThrowsAny<ArgumentException>(
            () => Read("1,a\n2,b\n", new CsvOptions { SkipLines = skipLines, Delimiter = delimiter }));

        Assert.Equal(name, e.ParamName);
    }

    // What a first row says, and what it is taken for: the number of samples of those below it that are read, or the error.
    [Theory]
    [InlineData("0,1,2,target", "1.5,2,3,0\n4,5,6,1\n7,8,9,0\n1,2,3,1\n", 4)]
    [InlineData("0,1,2,target", "1.5,2,3,cat\n4,5,6,dog\n7,8,9,cat\n1,2,3,dog\n", 4)]
    [InlineData("0,1,2,1", "1.5,2,3,3\n4,5,6,1\n7,8,9,1\n1,2,3,3\n", 5)]
    [InlineData("2019,2021,2023", "1,2,0\n4,5,1\n7,8,0\n1,2,1\n", 5)]
    [InlineData("0,1", "1.5,0\n2,1\n3,0\n", 4)]
    [InlineData(",x,y,kind", "0,1,2,a\n1,2,3,b\n", 2)]
    [InlineData("x,inf,kind", "0,1,a\n1,2,b\n", 2)]
    [InlineData("x,y,kind", "0,1,a\n1,2,b\n", 2)]
    [InlineData("1st,#,kind", "0,1,a\n1,2,b\n", 2)]
    [InlineData("x,y,0", "0,1,0\n1,2,1\n", 2)]
    [InlineData("1.5,2,a", "3,4,a\n5,6,b\n7,8,b\n", 4)]
    [InlineData("0,1,a", "2,3,b\n", 2)]
    public void Read_ClearFirstRow_IsAHeaderOrASample(string first, string rest, int samples)
    {
        Dataset data = Read($"{first}\n{rest}");

        Assert.Equal(samples, data.Count);
        bool header = samples == rest.Count(c => c == '\n');
        Assert.Equal(header, data.Origin.Header);
        Assert.Contains(header ? "line 1 is the header" : "line 1 is a sample", data.Origin.Remarks[0], StringComparison.Ordinal);
        Assert.Equal(samples, Read($"{first}\n{rest}", new CsvOptions { Header = header }).Count);
    }

    [Theory]
    [InlineData("1.2,?,0", "'?'")]
    [InlineData("1.2,,0", "got ''")]
    [InlineData("1.2,NA,0", "'NA'")]
    [InlineData("NaN,3,0", "'NaN'")]
    [InlineData("1.2,inf,0", "'inf'")]
    [InlineData("1.2,-Infinity,0", "'-Infinity'")]
    [InlineData("?,?,0", "'?'")]
    [InlineData("1.2,word,0", "'word'")]
    [InlineData("1.5\0,word,0", "'1.5\uFFFD'")]
    [InlineData("\0,\0,0", "'\uFFFD'")]
    [InlineData("x\u0001,y,0", "'x\uFFFD'")]
    [InlineData("12%,word,0", "'12%'")]
    [InlineData("1.000.5,word,0", "'1.000.5'")]
    [InlineData("\u0663,word,0", "'\u0663'")]
    [InlineData("\"1,5\",word,0", "'1,5'")]
    [InlineData("\"1,5e3\",word,0", "'1,5e3'")]
    [InlineData("id,2019,kind", "'id'")]
    [InlineData("1.5,2,target", "the label 'target'")]
    [InlineData("1,2,target", "the label 'target'")]
    [InlineData("2019,2020,kind", "the label 'kind'")]
    [InlineData("1,2,3", "the label '3'")]
    [InlineData("2019,2020,2021", "the label '2021'")]
    [InlineData("0,1,2", "the numbers of the columns")]
    public void Read_UnclearFirstRow_IsAnErrorThatSaysHowToSettleIt(string first, string message)
    {
        DataFormatException e = Refused($"{first}\n1,2,0\n3,4,1\n5,6,0\n7,8,1\n");

        Assert.Equal(1, e.Line);
        Assert.Contains(message, e.Message, StringComparison.Ordinal);
        Assert.Contains("set the option 'header' (data.header) to true or false", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_WordLabelOfTheFirstRowAlone_IsAskedAboutOnlyWhereOthersRepeat()
    {
        Assert.Contains("the label 'c'", Refused("1.5,2,c\n1,2,a\n3,4,b\n5,6,a\n7,8,b\n").Message, StringComparison.Ordinal);
        Assert.Equal(5, Read("1.5,2,c\n1,2,a\n3,4,b\n5,6,a\n7,8,b\n", new CsvOptions { Header = false }).Count);
        Assert.Equal(3, Read("1.5,2,c\n1,2,a\n3,4,b\n").Count);
    }

    [Fact]
    public void Read_CountedColumnsAroundTheLabel_AreAHeader() =>
        Assert.Equal(["a", "b"], Read("0,kind,1\n5,a,6\n7,b,8\n5,a,6\n7,b,8\n", new CsvOptions { LabelColumn = "1" }).ClassNames);

    [Theory]
    [InlineData("9007199254740992,9007199254740993,9007199254740994", "9007199254740992,9007199254740993,9007199254740994")]
    [InlineData("1,1.0,01,+1,1e0,10e-1,2", "1,2")]
    [InlineData("0,-0,0.0,0e99,-1", "-1,0")]
    [InlineData("0.1,0.1000000000000000055511151231257827,0.2", "0.1,0.1000000000000000055511151231257827,0.2")]
    [InlineData("-10,-9,-1e1,-0.5,1e300,1e299", "-10,-9,-0.5,1e299,1e300")]
    [InlineData("1,1.0,a", "1,1.0,a")]
    [InlineData("1,nan", "1,nan")]
    [InlineData("1,1\0", "1,1\0")]
    public void Read_Labels_AreOneClassOnlyIfExactlyTheSame(string labels, string classes) =>
        Assert.Equal(classes.Split(','), Read(string.Concat(labels.Split(',').Select(l => $"7,{l}\n"))).ClassNames);

    [Fact]
    public void Read_WhatLooksWrongWithLabels_IsRemarked()
    {
        Assert.Contains("'1' and '1.0' are one number", Read("7,1\n7,1.0\n7,2\n7,2\n").Origin.Remarks[1], StringComparison.Ordinal);
        Assert.Contains("1 words among 2 numbers", Read("7,1\n7,2\n7,b\n").Origin.Remarks[^1], StringComparison.Ordinal);
        Assert.Contains("'?' looks like a missing label", Read("7,a\n7,b\n7,?\n7,?\n").Origin.Remarks[^1], StringComparison.Ordinal);
        Assert.Contains("in column 1 (counted from 0) 'CAT' and 'cat' differ in case only, and are 3 classes", Read("7,cat\n7,Cat\n7,dog\n7,CAT\n").Origin.Remarks[^1], StringComparison.Ordinal);
        Assert.Contains("has 6 classes in 60 samples: it looks like no label column", Numbered(60, i => $"{i % 6 + 0.5}").Origin.Remarks[1], StringComparison.Ordinal);
        Assert.Contains("has 30 classes in 90 samples: it looks like no label column", Numbered(90, i => $"{i % 30}").Origin.Remarks[1], StringComparison.Ordinal);
        Assert.Single(Numbered(90, i => $"{i % 9}").Origin.Remarks);
    }

    [Fact]
    public void Read_AboutAsManyClassesAsSamples_IsRefused()
    {
        DataFormatException e = Assert.Throws<DataFormatException>(() => Numbered(60, i => $"{(i < 31 ? i : i % 10)}"));

        Assert.Contains("column 'y' has 31 classes in 60 samples: it looks like no label column", e.Message, StringComparison.Ordinal);
        Assert.Equal(30, Numbered(60, i => $"{i % 30}").ClassCount);
    }

    [Fact]
    public void Read_Remark_NamesHeaderSeparatorRowsAndClasses() => Assert.Equal(
        "data.csv: line 1 is the header; fields separated by ';'; 3 samples of 1 features; 2 classes in column 'kind': 'cat' (1), 'dog' (2)",
        Read("x;kind\n1;dog\n2;cat\n3;dog\n", new CsvOptions { Delimiter = ';' }).Origin.Remarks[0]);

    [Fact]
    public void Read_DecimalComma_IsAnOptionAndAHint()
    {
        const string Text = "x;y;kind\n1,5;-2;0,5\n,25;1e3;0,50\n3;4;1\n";

        Dataset data = Read(Text, new CsvOptions { Delimiter = ';', DecimalMark = ',' });

        Assert.Equal([1.5f, -2, 0.25f, 1000, 3, 4], data.Features);
        Assert.Equal(["0,5", "1"], data.ClassNames);
        Assert.Contains("got '1,5' (a decimal comma? set the decimal mark, data.decimal_mark)", Refused(Text, new CsvOptions { Delimiter = ';' }).Message, StringComparison.Ordinal);
        Assert.Contains("got '1.5' (a decimal point?", Refused("x;kind\n1.5;a\n", new CsvOptions { Delimiter = ';', DecimalMark = ',' }).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => Read(Text, new CsvOptions { DecimalMark = ';' }));
    }

    [Fact]
    public void Features_DoubleBeyondFloats_IsAnErrorUnlessStandardized()
    {
        Dataset data = Read("1e300,a\n2e300,b\n");

        Assert.Contains("standardize", Assert.Throws<DataFormatException>(() => data.Features).Message, StringComparison.Ordinal);
        Assert.Equal([-1, 1], new DataSplit(data, data).Standardize().Train.Features);
    }

    private static Dataset Numbered(int samples, Func<int, FormattableString> label) =>
        Read("x,y\n" + string.Concat(Enumerable.Range(0, samples).Select(i => $"{i},{FormattableString.Invariant(label(i))}\n")));

    [Fact]
    public void Read_File_PlainOrGzip()
    {
        using TemporaryFolder folder = new();
        byte[] text = Encoding.UTF8.GetBytes("1,ä\n2,b\n");
        string plain = folder.Write("data.csv", text);
        string packed = folder.Write("data.csv.gz", TemporaryFolder.Gzip(text));

        Assert.Equal(["b", "ä"], CsvData.Read(plain).ClassNames);
        Assert.Equal(["b", "ä"], CsvData.Read(packed).ClassNames);
        Assert.Equal("data.csv.gz", CsvData.Read(packed).Name);
        Assert.Equal(CsvData.Read(packed).Features, CsvData.Read(folder.Write("packed.csv", TemporaryFolder.Gzip(text))).Features);
    }

    [Fact]
    public void Read_GzipCutShortAnywhere_IsRefused()
    {
        using TemporaryFolder folder = new();
        byte[] packed = TemporaryFolder.Gzip(Encoding.UTF8.GetBytes(string.Concat(Enumerable.Range(0, 50).Select(i => $"{i},{i % 2}\n"))));
        for (int length = 0; length < packed.Length; length++)
        {
            string path = folder.Write("short.csv.gz", packed[..length]);

            DataFormatException e = Assert.Throws<DataFormatException>(() => CsvData.Read(path));

            Assert.Contains("gzip", e.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(5000)]
    public void Read_GzipOfSeveralMembers_ReadsAllOfThem(int rowsOfAMember)
    {
        using TemporaryFolder folder = new();
        string[] rows = [.. Enumerable.Range(0, 20_000).Select(i => FormattableString.Invariant($"{i},{i * 7919 % 9973},{i % 3}\n"))];
        byte[] packed = [.. rows.Chunk(rowsOfAMember).SelectMany(r => TemporaryFolder.Gzip(Encoding.UTF8.GetBytes(string.Concat(r))))];

        Dataset data = CsvData.Read(folder.Write("many.csv.gz", packed));

        Assert.Equal(Read(string.Concat(rows)).Features, data.Features);
        Assert.Equal(Read(string.Concat(rows)).ComputeHash(), data.ComputeHash());
        Assert.Contains("gzip", Assert.Throws<DataFormatException>(() => CsvData.Read(folder.Write("many.csv.gz", packed[..^1]))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_FileThatCannotBeRead_SaysWhy()
    {
        using TemporaryFolder folder = new();
        byte[] packed = TemporaryFolder.Gzip(Encoding.UTF8.GetBytes("1,a\n2,b\n"));
        byte[] flipped = [.. packed];
        flipped[^6] ^= 1;

        AssertRefused(Path.Combine(folder.Path, "none.csv"), "does not exist");
        AssertRefused(Path.Combine(folder.Path, "none", "none.csv"), "does not exist");
        AssertRefused(folder.Path, "is a folder, not a file");
        AssertRefused(folder.Write("text.csv.gz", Encoding.UTF8.GetBytes("1,a\n2,b\n")), "gzip");
        AssertRefused(folder.Write("behind.csv.gz", [.. packed, 0]), "gzip");
        AssertRefused(folder.Write("zeros.csv.gz", [.. packed, .. new byte[512]]), "gzip");
        AssertRefused(folder.Write("half.csv.gz", [.. packed, .. packed[..20]]), "gzip");
        AssertRefused(folder.Write("flipped.csv.gz", flipped), "gzip");
        AssertRefused(folder.Write("latin1.csv", [(byte)'1', (byte)',', 0xE4, (byte)'\n']), "UTF-8");
        AssertRefused(folder.Write("empty.csv", []), "empty");
        AssertRefused(folder.Write("empty.csv.gz", []), "gzip");

        static void AssertRefused(string path, string message)
        {
            DataFormatException e = Assert.Throws<DataFormatException>(() => CsvData.Read(path));
            Assert.Equal(path, e.Path);
            Assert.Contains(message, e.Message, StringComparison.Ordinal);
        }
    }
}
