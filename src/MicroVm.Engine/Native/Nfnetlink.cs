namespace MicroVm.Engine.Native;

/// <summary>
/// The numbers of nfnetlink that the engine uses (linux/netfilter/nfnetlink.h, nf_tables.h, nfnetlink_conntrack.h). Registers and kinds are numbers in network order.
/// </summary>
internal static class Nfnetlink
{
    /// <summary>The packet filter.</summary>
    public const ushort TablesSubsystem = 10;

    /// <summary>The flows that the kernel follows.</summary>
    public const ushort ConntrackSubsystem = 1;

    /// <summary>A message of the packet filter: NFT_MSG_GETTABLE.</summary>
    public const byte GetTable = 1;

    /// <summary>A message of the packet filter: NFT_MSG_DELTABLE.</summary>
    public const byte DeleteTable = 2;

    /// <summary>A message of the packet filter: NFT_MSG_NEWCHAIN.</summary>
    public const byte NewChain = 3;

    /// <summary>A message of the packet filter: NFT_MSG_GETCHAIN.</summary>
    public const byte GetChain = 4;

    /// <summary>A message of the packet filter: NFT_MSG_DELCHAIN.</summary>
    public const byte DeleteChain = 5;

    /// <summary>A message of the packet filter: NFT_MSG_NEWRULE.</summary>
    public const byte NewRule = 6;

    /// <summary>A message of the packet filter: NFT_MSG_GETRULE.</summary>
    public const byte GetRule = 7;

    /// <summary>A message of the packet filter: NFT_MSG_DELRULE.</summary>
    public const byte DeleteRule = 8;

    /// <summary>A message of the packet filter: NFT_MSG_NEWSETELEM.</summary>
    public const byte NewElement = 12;

    /// <summary>A message of the packet filter: NFT_MSG_GETSETELEM.</summary>
    public const byte GetElement = 13;

    /// <summary>A message of the packet filter: NFT_MSG_DELSETELEM.</summary>
    public const byte DeleteElement = 14;

    /// <summary>A message about flows: list them.</summary>
    public const byte GetFlow = 1;

    /// <summary>A message about flows: forget them.</summary>
    public const byte DeleteFlow = 2;

    /// <summary>Of a rule: after the others, not before them.</summary>
    public const ushort Append = 0x800;

    /// <summary>Of a table: its name.</summary>
    public const ushort TableName = 1;

    /// <summary>Of a chain: its table.</summary>
    public const ushort ChainTable = 1;

    /// <summary>Of a chain: its name.</summary>
    public const ushort ChainName = 3;

    /// <summary>Of a chain: where packets come into it.</summary>
    public const ushort ChainHook = 4;

    /// <summary>Of a chain: what becomes of packets that no rule decided on.</summary>
    public const ushort ChainPolicy = 5;

    /// <summary>Of a hook: which.</summary>
    public const ushort HookNumber = 1;

    /// <summary>Of a rule: its table.</summary>
    public const ushort RuleTable = 1;

    /// <summary>Of a rule: its chain.</summary>
    public const ushort RuleChain = 2;

    /// <summary>Of a rule: its number, 64 bits.</summary>
    public const ushort RuleHandle = 3;

    /// <summary>Of a rule: its expressions.</summary>
    public const ushort RuleExpressions = 4;

    /// <summary>Of a rule: what the kernel keeps and does not read.</summary>
    public const ushort RuleUserData = 7;

    /// <summary>One of several.</summary>
    public const ushort ListItem = 1;

    /// <summary>Of an expression: its kind.</summary>
    public const ushort ExpressionName = 1;

    /// <summary>Of an expression: what its kind needs.</summary>
    public const ushort ExpressionData = 2;

    /// <summary>Of elements: the table.</summary>
    public const ushort ElementsTable = 1;

    /// <summary>Of elements: the set or map.</summary>
    public const ushort ElementsSet = 2;

    /// <summary>Of elements: they themselves.</summary>
    public const ushort Elements = 3;

    /// <summary>Of an element: its key.</summary>
    public const ushort ElementKey = 1;

    /// <summary>Of an element: what a map has for it.</summary>
    public const ushort ElementData = 2;

    /// <summary>Data: bytes.</summary>
    public const ushort DataValue = 1;

    /// <summary>Data: what becomes of a packet.</summary>
    public const ushort DataVerdict = 2;

    /// <summary>Of a verdict: which.</summary>
    public const ushort VerdictCode = 1;

    /// <summary>Of a verdict: the chain it leads to.</summary>
    public const ushort VerdictChain = 2;

    /// <summary>Of "meta": the register to load.</summary>
    public const ushort MetaTarget = 1;

    /// <summary>Of "meta": what to load.</summary>
    public const ushort MetaKey = 2;

    /// <summary>Of "payload": the register to load.</summary>
    public const ushort PayloadTarget = 1;

    /// <summary>Of "payload": the header to count from.</summary>
    public const ushort PayloadBase = 2;

    /// <summary>Of "payload": the first byte.</summary>
    public const ushort PayloadOffset = 3;

    /// <summary>Of "payload": how many.</summary>
    public const ushort PayloadLength = 4;

    /// <summary>Of "payload": the register to write.</summary>
    public const ushort PayloadSource = 5;

    /// <summary>Of "payload": the kind of checksum.</summary>
    public const ushort PayloadChecksumType = 6;

    /// <summary>Of "payload": where it is.</summary>
    public const ushort PayloadChecksumOffset = 7;

    /// <summary>Of "payload": whether another covers it too.</summary>
    public const ushort PayloadChecksumFlags = 8;

    /// <summary>Of "cmp": the register.</summary>
    public const ushort CompareSource = 1;

    /// <summary>Of "cmp": how.</summary>
    public const ushort CompareHow = 2;

    /// <summary>Of "cmp": with what.</summary>
    public const ushort CompareData = 3;

    /// <summary>Of "lookup": the set or map.</summary>
    public const ushort LookupSet = 1;

    /// <summary>Of "lookup": the register with the key.</summary>
    public const ushort LookupSource = 2;

    /// <summary>Of "lookup": the register for what a map has.</summary>
    public const ushort LookupTarget = 3;

    /// <summary>Of "immediate": the register.</summary>
    public const ushort ImmediateTarget = 1;

    /// <summary>Of "immediate": what to set it to.</summary>
    public const ushort ImmediateData = 2;

    /// <summary>Of "ct": the register to load.</summary>
    public const ushort FlowTarget = 1;

    /// <summary>Of "ct": what to load.</summary>
    public const ushort FlowKey = 2;

    /// <summary>Of "ct": whose.</summary>
    public const ushort FlowDirection = 3;

    /// <summary>Of "bitwise": the register.</summary>
    public const ushort BitwiseSource = 1;

    /// <summary>Of "bitwise": the register for the outcome.</summary>
    public const ushort BitwiseTarget = 2;

    /// <summary>Of "bitwise": how many bytes.</summary>
    public const ushort BitwiseLength = 3;

    /// <summary>Of "bitwise": the bits to keep.</summary>
    public const ushort BitwiseMask = 4;

    /// <summary>Of "bitwise": the bits to turn over.</summary>
    public const ushort BitwiseFlip = 5;

    /// <summary>Of "counter": bytes so far.</summary>
    public const ushort CounterBytes = 1;

    /// <summary>Of "counter": packets so far.</summary>
    public const ushort CounterPackets = 2;

    /// <summary>Of a flow: its ends, as of its first packet.</summary>
    public const ushort TupleOriginal = 1;

    /// <summary>Of a flow: its ends, as of the answer.</summary>
    public const ushort TupleReply = 2;

    /// <summary>Of ends: the addresses.</summary>
    public const ushort TupleIp = 1;

    /// <summary>Of addresses: the source, IPv4.</summary>
    public const ushort Source4 = 1;

    /// <summary>Of addresses: the source, IPv6.</summary>
    public const ushort Source6 = 3;

    /// <summary>Of a flow: its number.</summary>
    public const ushort FlowId = 12;

    /// <summary>Of a question about flows: what of the ends counts.</summary>
    public const ushort Filter = 25;

    /// <summary>Of a filter: of the first packet.</summary>
    public const ushort FilterOriginal = 1;

    /// <summary>Of a filter: of the answer.</summary>
    public const ushort FilterReply = 2;

    /// <summary>The register that decides.</summary>
    public const uint VerdictRegister = 0;

    /// <summary>The first register, of 16 bytes.</summary>
    public const uint FirstRegister = 1;

    /// <summary>To be equal.</summary>
    public const uint IsEqual = 0;

    /// <summary>The transport header, ICMP's too.</summary>
    public const uint TransportHeader = 2;

    /// <summary>The checksum of the Internet protocols.</summary>
    public const uint InternetChecksum = 1;

    /// <summary>Of a flow: where to, IPv4.</summary>
    public const uint FlowDestination4 = 20;

    /// <summary>Of a flow: where to, IPv6.</summary>
    public const uint FlowDestination6 = 22;

    /// <summary>The direction of a flow's first packet.</summary>
    public const byte OriginalDirection = 0;

    /// <summary>Of a filter's bits: the source address (CTA_FILTER_F_CTA_IP_SRC, which headers do not have).</summary>
    public const uint FilterSource = 1;
}
