using System.Collections;
using System.Reflection;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Text;
using NormLayers.Tests.Support;
using NormLayers.Verification;

namespace NormLayers.Tests.Sabotage;

/// <summary>The library compiled with wrong lines beside the right ones, and a switch: a statement becomes <c>if (On(k)) { wrong } else { right }</c>, an initial value <c>On(k) ? wrong : right</c>.</summary>
/// <remarks>The switch notes which lines a case reaches. On a case that does not reach a line, the library is right whether that line is wrong or not.</remarks>
internal sealed class SwitchedLibrary
{
    // Larger cases reach the same lines, by stores that bypass the cache, and take most of the time.
    private const int MostElements = 1 << 16;

    private const string Switch = "global::NormLayers.WrongLine";
    private readonly FieldInfo _switch;
    private readonly bool[] _reached;
    private readonly MethodInfo _run;
    private readonly List<(Array Case, string Layer, bool[] Reached)> _cases = [];

    public SwitchedLibrary(IReadOnlyList<(string File, string Right, string Wrong)> faults)
    {
        Dictionary<string, string> sources = LibrarySource.Read();
        for (int k = 0; k < faults.Count; k++)
        {
            (string file, string right, string wrong) = faults[k];
            sources[file] = Switched(sources[file], right, wrong, $"{Switch}.On({k})");
        }

        sources["switch"] = $"namespace NormLayers {{ internal static class WrongLine {{ public static int Number = -1; public static readonly bool[] Reached = new bool[{faults.Count}]; public static bool On(int number) {{ if (!Reached[number]) {{ Reached[number] = true; }} return number == Number; }} }} }}";
        CSharpCompilation compilation = LibrarySource.Compile(sources);
        using MemoryStream image = new();
        Diagnostic[] errors = [.. compilation.Emit(image).Diagnostics.Where(d => d.Severity == DiagnosticSeverity.Error)];
        Assert.True(errors.Length == 0, string.Join<Diagnostic>("; ", errors.Take(5)));
        Assembly library = Assembly.Load(image.ToArray());

        Type wrongLine = library.GetType("NormLayers.WrongLine", throwOnError: true)!;
        _switch = wrongLine.GetField("Number")!;
        _reached = (bool[])wrongLine.GetField("Reached")!.GetValue(null)!;
        Type one = library.GetType(typeof(LayerCase).FullName!, throwOnError: true)!;
        PropertyInfo shape = one.GetProperty(nameof(LayerCase.Shape))!;
        PropertyInfo length = shape.PropertyType.GetProperty(nameof(Shape.Length))!;
        _run = library.GetType(typeof(LayerCheck).FullName!, throwOnError: true)!.GetMethods(BindingFlags.Static | BindingFlags.NonPublic).Single(m => m.Name == nameof(LayerCheck.Run));
        List<string> red = [];
        foreach (object check in (IEnumerable)one.GetProperty(nameof(LayerCase.All))!.GetValue(null)!)
        {
            if ((int)length.GetValue(shape.GetValue(check))! <= MostElements)
            {
                Array single = Array.CreateInstance(one, 1);
                single.SetValue(check, 0);
                Array.Clear(_reached);
                (string layer, bool passed) = Check(single);
                _cases.Add((single, layer, [.. _reached]));
                if (!passed)
                {
                    red.Add(layer);
                }
            }
        }

        RedLayersWithoutFault = [.. red.Distinct()];
    }

    /// <summary>The layers that <see cref="LayerCheck"/> finds wrong with every line right.</summary>
    public IReadOnlyList<string> RedLayersWithoutFault { get; }

    /// <summary>The layers that <see cref="LayerCheck"/> finds wrong with one line switched on, in order.</summary>
    /// <param name="number">The line's.</param>
    public IReadOnlyList<string> RedLayers(int number)
    {
        _switch.SetValue(null, number);
        return [.. _cases.Where(c => c.Reached[number]).GroupBy(c => c.Layer).Where(layer => layer.Any(c => !Check(c.Case).Passed)).Select(layer => layer.Key).Order(StringComparer.Ordinal)];
    }

    private (string Layer, bool Passed) Check(Array cases)
    {
        object row = Assert.Single(((IEnumerable)_run.Invoke(null, [cases, TestContext.Current.CancellationToken])!).Cast<object>());
        object Of(string property) => row.GetType().GetProperty(property)!.GetValue(row)!;
        (string layer, bool passed) = ((string)Of(nameof(LayerCheckRow.Layer)), (bool)Of(nameof(LayerCheckRow.Passed)));
        if (!passed)
        {
            TestContext.Current.TestOutputHelper?.WriteLine($"{layer}: {((IReadOnlyList<string>)Of(nameof(LayerCheckRow.Faults)))[0]}");
        }

        return (layer, passed);
    }

    // The source with a switch around each statement, or initial value, that has the right text.
    private static string Switched(string source, string right, string wrong, string condition)
    {
        Assert.Contains(right, source, StringComparison.Ordinal);
        SyntaxNode root = CSharpSyntaxTree.ParseText(source).GetRoot();
        Dictionary<TextSpan, string> edits = [];
        for (int at = source.IndexOf(right, StringComparison.Ordinal); at >= 0; at = source.IndexOf(right, at + right.Length, StringComparison.Ordinal))
        {
            int start = at + right.Length - right.TrimStart().Length;
            SyntaxNode node = root.FindNode(new TextSpan(start, right.Trim().Length)).AncestorsAndSelf()
                .First(n => n is StatementSyntax or MethodDeclarationSyntax or ExpressionSyntax { Parent: EqualsValueClauseSyntax });
            string edited = node.ToString().Replace(right.Trim(), wrong.Trim(), StringComparison.Ordinal);
            if (node is MethodDeclarationSyntax { ExpressionBody: { } body } method)
            {
                string other = ((MethodDeclarationSyntax)SyntaxFactory.ParseMemberDeclaration(edited)!).ExpressionBody!.Expression.ToString();
                string returns = method.ReturnType.ToString() == "void" ? string.Empty : "return ";
                edits[TextSpan.FromBounds(body.SpanStart, method.Span.End)] = $"{{ if ({condition}) {{ {returns}{other}; }} else {{ {returns}{body.Expression}; }} }}";
            }
            else
            {
                edits[node.Span] = node is StatementSyntax ? $"{{ if ({condition}) {{ {edited} }} else {{ {node} }} }}" : $"{condition} ? {edited} : {node}";
            }
        }

        return edits.OrderByDescending(e => e.Key.Start).Aggregate(source, (text, e) => $"{text[..e.Key.Start]}{e.Value}{text[e.Key.End..]}");
    }
}
