namespace NormLayers.Numerics;

/// <summary>The heights of tiles.</summary>
internal static class TileHeights
{
    internal readonly struct One : ITileHeight
    {
        public static int Rows => 1;
    }

    internal readonly struct Two : ITileHeight
    {
        public static int Rows => 2;
    }

    internal readonly struct Three : ITileHeight
    {
        public static int Rows => 3;
    }

    internal readonly struct Four : ITileHeight
    {
        public static int Rows => 4;
    }

    internal readonly struct Five : ITileHeight
    {
        public static int Rows => 5;
    }

    internal readonly struct Six : ITileHeight
    {
        public static int Rows => 6;
    }

    internal readonly struct Seven : ITileHeight
    {
        public static int Rows => 7;
    }

    internal readonly struct Eight : ITileHeight
    {
        public static int Rows => 8;
    }
}
