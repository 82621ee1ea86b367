using MicroVm.Engine.Native;

namespace MicroVm.Engine.Network;

/// <summary>An element of one of the table's sets and maps.</summary>
/// <param name="Set">The set or map.</param>
/// <param name="Key">Its key.</param>
/// <param name="Data">What a map has for it; empty for sets and verdicts.</param>
/// <param name="Chain">Where a map of verdicts leads, or null.</param>
internal readonly record struct FirewallElement(string Set, byte[] Key, byte[] Data, string? Chain = null)
{
    /// <summary>Has a batch add it.</summary>
    public void AddTo(NftBatch batch)
    {
        if (Chain is not null)
        {
            batch.AddGoto(Set, Key, Chain);
        }
        else
        {
            batch.AddElement(Set, Key, Data);
        }
    }
}
