using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using MicroVm.Engine.Native;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.Native;

/// <summary>The numbers and layouts that Native has copied from the C headers, held against those.</summary>
public sealed class InteropTests
{
    // Each constant of the engine and what C calls it.
    private static readonly (Type Type, string Name, string InC)[] s_constants =
    [
        (typeof(Descriptors), "ReadWrite", "O_RDWR"),
        (typeof(Descriptors), "CloseOnExec", "O_CLOEXEC"),
        (typeof(Descriptors), "Create", "O_CREAT"),
        (typeof(Descriptors), "DuplicateCloseOnExec", "F_DUPFD_CLOEXEC"),
        (typeof(Descriptors), "MemoryCloseOnExec", "MFD_CLOEXEC"),
        (typeof(DirectoryWatch), "NonBlockingCloseOnExec", "IN_NONBLOCK | IN_CLOEXEC"),
        (typeof(DirectoryWatch), "ClosedAfterWriting", "IN_CLOSE_WRITE"),
        (typeof(DirectoryWatch), "Moved", "IN_MOVED_FROM | IN_MOVED_TO"),
        (typeof(DirectoryWatch), "Created", "IN_CREATE"),
        (typeof(DirectoryWatch), "Deleted", "IN_DELETE"),
        (typeof(DirectoryWatch), "SelfDeleted", "IN_DELETE_SELF"),
        (typeof(DirectoryWatch), "SelfMoved", "IN_MOVE_SELF"),
        (typeof(DirectoryWatch), "Overflow", "IN_Q_OVERFLOW"),
        (typeof(DirectoryWatch), "Ignored", "IN_IGNORED"),
        (typeof(DirectoryWatch), "OnlyDirectory", "IN_ONLYDIR"),
        (typeof(DirectoryWatch), "OneShot", "(unsigned)IN_ONESHOT"),
        (typeof(DirectoryWatch), "Modified", "IN_MODIFY"),
        (typeof(Errno), "NoSpace", "ENOSPC"),
        (typeof(Errno), "NotPermitted", "EPERM"),
        (typeof(Errno), "BadDescriptor", "EBADF"),
        (typeof(Errno), "NoDevice", "ENODEV"),
        (typeof(Errno), "NotSupported", "EOPNOTSUPP"),
        (typeof(Errno), "NoMessage", "ENOMSG"),
        (typeof(Errno), "AddressFamilyNotSupported", "EAFNOSUPPORT"),
        (typeof(Errno), "NetworkUnreachable", "ENETUNREACH"),
        (typeof(Errno), "HostUnreachable", "EHOSTUNREACH"),
        (typeof(Errno), "MessageTooLong", "EMSGSIZE"),
        (typeof(Errno), "NoSuchFile", "ENOENT"),
        (typeof(Errno), "NoSuchDevice", "ENXIO"),
        (typeof(Errno), "NotADirectory", "ENOTDIR"),
        (typeof(Errno), "TooManyFiles", "EMFILE"),
        (typeof(Errno), "TextBusy", "ETXTBSY"),
        (typeof(Errno), "NoSuchProcess", "ESRCH"),
        (typeof(Errno), "Interrupted", "EINTR"),
        (typeof(Errno), "TryAgain", "EAGAIN"),
        (typeof(Errno), "PermissionDenied", "EACCES"),
        (typeof(Errno), "FileExists", "EEXIST"),
        (typeof(Errno), "NoSuchDevice", "ENXIO"),
        (typeof(Fifo), "WriteOnly", "O_WRONLY"),
        (typeof(Fifo), "NonBlocking", "O_NONBLOCK"),
        (typeof(Fifo), "CloseOnExec", "O_CLOEXEC"),
        (typeof(Fifo), "OwnerOnly", "S_IRUSR | S_IWUSR"),
        (typeof(FileEntry), "TypeMask", "S_IFMT"),
        (typeof(FileEntry), "Directory", "S_IFDIR"),
        (typeof(FileEntry), "RegularFile", "S_IFREG"),
        (typeof(FileEntry), "SymbolicLink", "S_IFLNK"),
        (typeof(FileEntry), "CurrentDirectory", "AT_FDCWD"),
        (typeof(FileEntry), "NoFollow", "AT_SYMLINK_NOFOLLOW"),
        (typeof(FileEntry), "TypeModeSizeAndTime", "STATX_TYPE | STATX_MODE | STATX_MTIME | STATX_SIZE"),
        (typeof(FileEntry), "ModeMask", "07777"),
        (typeof(FileExchange), "CurrentDirectory", "AT_FDCWD"),
        (typeof(FileExchange), "Exchange", "RENAME_EXCHANGE"),
        (typeof(FileExtents), "SeekData", "SEEK_DATA"),
        (typeof(FileExtents), "SeekHole", "SEEK_HOLE"),
        (typeof(FileExtents), "KeepSize", "FALLOC_FL_KEEP_SIZE"),
        (typeof(FileExtents), "PunchHole", "FALLOC_FL_PUNCH_HOLE"),
        (typeof(Fifo), "WriteOnly", "O_WRONLY"),
        (typeof(Fifo), "NonBlocking", "O_NONBLOCK"),
        (typeof(Fifo), "CloseOnExec", "O_CLOEXEC"),
        (typeof(Fifo), "OwnerOnly", "S_IRUSR | S_IWUSR"),
        (typeof(FileCopy), "FiClone", "FICLONE"),
        (typeof(FileLock), "GetLock", "F_OFD_GETLK"),
        (typeof(FileLock), "SetLock", "F_OFD_SETLK"),
        (typeof(FileLock), "SetLockWait", "F_OFD_SETLKW"),
        (typeof(FileLock), "WriteLock", "F_WRLCK"),
        (typeof(FileLock), "Unlocked", "F_UNLCK"),
        (typeof(FileSync), "ReadOnly", "O_RDONLY"),
        (typeof(FileSync), "Directory", "O_DIRECTORY"),
        (typeof(FileSync), "CloseOnExec", "O_CLOEXEC"),
        (typeof(FileUsage), "CurrentDirectory", "AT_FDCWD"),
        (typeof(FileUsage), "Blocks", "STATX_BLOCKS"),
        (typeof(FileWatch), "NonBlockingCloseOnExec", "IN_NONBLOCK | IN_CLOEXEC"),
        (typeof(FileWatch), "Modified", "IN_MODIFY"),
        (typeof(FileWatch), "ClosedAfterWriting", "IN_CLOSE_WRITE"),
        (typeof(FileWatch), "MovedTo", "IN_MOVED_TO"),
        (typeof(FileWatch), "Deleted", "IN_DELETE"),
        (typeof(FileWatch), "SelfDeleted", "IN_DELETE_SELF"),
        (typeof(FreshNetwork), "NewNetwork", "CLONE_NEWNET"),
        (typeof(FreshNetwork), "CurrentDirectory", "AT_FDCWD"),
        (typeof(FreshNetwork), "ReadWriteCloseOnExec", "O_RDWR | O_CLOEXEC"),
        (typeof(FreshNetwork), "ReadOnlyCloseOnExec", "O_RDONLY | O_CLOEXEC"),
        (typeof(FreshNetwork), "WriteOnlyCloseOnExec", "O_WRONLY | O_CLOEXEC"),
        (typeof(FreshNetwork), "NetlinkFamily", "AF_NETLINK"),
        (typeof(FreshNetwork), "RawCloseOnExec", "SOCK_RAW | SOCK_CLOEXEC"),
        (typeof(FreshNetwork), "SetInterface", "TUNSETIFF"),
        (typeof(FreshNetwork), "SetPersistent", "TUNSETPERSIST"),
        (typeof(FreshNetwork), "SetInterfaceIndex", "TUNSETIFINDEX"),
        (typeof(FreshNetwork), "TapFlags", "IFF_TAP | IFF_NO_PI | IFF_VNET_HDR"),
        (typeof(Namespaces), "Mount", "CLONE_NEWNS"),
        (typeof(Namespaces), "Ipc", "CLONE_NEWIPC"),
        (typeof(Namespaces), "Network", "CLONE_NEWNET"),
        (typeof(Namespaces), "EmptyPath", "AT_EMPTY_PATH"),
        (typeof(Namespaces), "InodeNumber", "STATX_INO"),
        (typeof(Namespaces), "NoSuid", "MS_NOSUID"),
        (typeof(Namespaces), "NoDev", "MS_NODEV"),
        (typeof(Namespaces), "Recursive", "MS_REC"),
        (typeof(Namespaces), "Slave", "MS_SLAVE"),
        (typeof(NetlinkAttributes), "TypeMask", "NLA_TYPE_MASK & 0xFFFF"),
        (typeof(NetlinkBatch), "HeaderBytes", "sizeof(struct nlmsghdr)"),
        (typeof(NetlinkBatch), "Dump", "NLM_F_DUMP"),
        (typeof(NetlinkBatch), "Create", "NLM_F_CREATE"),
        (typeof(NetlinkBatch), "Exclusive", "NLM_F_EXCL"),
        (typeof(NetlinkBatch), "Replace", "NLM_F_REPLACE"),
        (typeof(NetlinkBatch), "Request", "NLM_F_REQUEST"),
        (typeof(NetlinkBatch), "Acknowledge", "NLM_F_ACK"),
        (typeof(NetlinkBatch), "Nested", "NLA_F_NESTED"),
        (typeof(NetlinkBatch), "TransactionBegin", "NFNL_MSG_BATCH_BEGIN"),
        (typeof(NetlinkBatch), "TransactionEnd", "NFNL_MSG_BATCH_END"),
        (typeof(NetlinkSocket), "Route", "NETLINK_ROUTE"),
        (typeof(NetlinkSocket), "Netfilter", "NETLINK_NETFILTER"),
        (typeof(NetlinkSocket), "NetlinkFamily", "AF_NETLINK"),
        (typeof(NetlinkSocket), "RawCloseOnExec", "SOCK_RAW | SOCK_CLOEXEC"),
        (typeof(NetlinkSocket), "NetlinkLevel", "SOL_NETLINK"),
        (typeof(NetlinkSocket), "CappedAcknowledgement", "NETLINK_CAP_ACK"),
        (typeof(NetlinkSocket), "ExtendedAcknowledgement", "NETLINK_EXT_ACK"),
        (typeof(NetlinkSocket), "StrictCheck", "NETLINK_GET_STRICT_CHK"),
        (typeof(NetlinkSocket), "DoNotWaitTellLength", "MSG_DONTWAIT | MSG_TRUNC"),
        (typeof(NetlinkSocket), "ErrorMessage", "NLMSG_ERROR"),
        (typeof(NetlinkSocket), "DoneMessage", "NLMSG_DONE"),
        (typeof(NetlinkSocket), "DumpInterrupted", "NLM_F_DUMP_INTR"),
        (typeof(NetlinkSocket), "HasAttributes", "NLM_F_ACK_TLVS"),
        (typeof(NetlinkSocket), "ErrorText", "NLMSGERR_ATTR_MSG"),
        (typeof(NetlinkSocket), "GetIndex", "SIOCGIFINDEX"),
        (typeof(Polling), "In", "POLLIN"),
        (typeof(PrivateProc), "OpenFileSystemCall", "SYS_fsopen"),
        (typeof(PrivateProc), "ConfigureCall", "SYS_fsconfig"),
        (typeof(PrivateProc), "MountCall", "SYS_fsmount"),
        (typeof(PrivateProc), "OpenCloseOnExec", "FSOPEN_CLOEXEC"),
        (typeof(PrivateProc), "Create", "FSCONFIG_CMD_CREATE"),
        (typeof(PrivateProc), "MountCloseOnExec", "FSMOUNT_CLOEXEC"),
        (typeof(ProcessDescriptor), "OpenCall", "SYS_pidfd_open"),
        (typeof(ProcessDescriptor), "SendSignalCall", "SYS_pidfd_send_signal"),
        (typeof(ProcessDescriptor), "GetDescriptorCall", "SYS_pidfd_getfd"),
        (typeof(ProcessDescriptor), "WaitByDescriptor", "P_PIDFD"),
        (typeof(ProcessDescriptor), "WaitNoHang", "WNOHANG"),
        (typeof(ProcessDescriptor), "WaitExited", "WEXITED"),
        (typeof(ProcessDescriptor), "ExitedNormally", "CLD_EXITED"),
        (typeof(ProcessDescriptor), "GetInfo", "PIDFD_GET_INFO"),
        (typeof(ProcessDescriptor), "InfoExit", "PIDFD_INFO_EXIT"),
        (typeof(ProcessSpawn), "SetSignalDefaults", "POSIX_SPAWN_SETSIGDEF"),
        (typeof(ProcessSpawn), "SetSignalMask", "POSIX_SPAWN_SETSIGMASK"),
        (typeof(ProcessSpawn), "SetSession", "POSIX_SPAWN_SETSID"),
        (typeof(ProcessSpawn), "AttributesBytes", "sizeof(posix_spawnattr_t)"),
        (typeof(ProcessSpawn), "FileActionsBytes", "sizeof(posix_spawn_file_actions_t)"),
        (typeof(ProcessSpawn), "SignalSetBytes", "sizeof(sigset_t)"),
        (typeof(RandomDevice), "ReseedCall", "RNDRESEEDCRNG"),
        (typeof(Readiness), "CloseOnExec", "EPOLL_CLOEXEC"),
        (typeof(Readiness), "Add", "EPOLL_CTL_ADD"),
        (typeof(Readiness), "Remove", "EPOLL_CTL_DEL"),
        (typeof(Readiness), "In", "EPOLLIN"),
        (typeof(Readiness), "Out", "EPOLLOUT"),
        (typeof(Readiness), "OneShot", "EPOLLONESHOT"),
        (typeof(Rtnetlink), "NewLink", "RTM_NEWLINK"),
        (typeof(Rtnetlink), "GetLink", "RTM_GETLINK"),
        (typeof(Rtnetlink), "NewAddress", "RTM_NEWADDR"),
        (typeof(Rtnetlink), "NewRoute", "RTM_NEWROUTE"),
        (typeof(Rtnetlink), "DeleteRoute", "RTM_DELROUTE"),
        (typeof(Rtnetlink), "GetRoute", "RTM_GETROUTE"),
        (typeof(Rtnetlink), "NewNeighbour", "RTM_NEWNEIGH"),
        (typeof(Rtnetlink), "FamilyIPv4", "AF_INET"),
        (typeof(Rtnetlink), "FamilyIPv6", "AF_INET6"),
        (typeof(Rtnetlink), "Up", "IFF_UP"),
        (typeof(Rtnetlink), "LinkAddress", "IFLA_ADDRESS"),
        (typeof(Rtnetlink), "LinkName", "IFLA_IFNAME"),
        (typeof(Rtnetlink), "LinkMtu", "IFLA_MTU"),
        (typeof(Rtnetlink), "LinkInfo", "IFLA_LINKINFO"),
        (typeof(Rtnetlink), "LinkFamilies", "IFLA_AF_SPEC"),
        (typeof(Rtnetlink), "LinkNamespaceDescriptor", "IFLA_NET_NS_FD"),
        (typeof(Rtnetlink), "LinkSendQueues", "IFLA_NUM_TX_QUEUES"),
        (typeof(Rtnetlink), "LinkReceiveQueues", "IFLA_NUM_RX_QUEUES"),
        (typeof(Rtnetlink), "LinkKind", "IFLA_INFO_KIND"),
        (typeof(Rtnetlink), "LinkData", "IFLA_INFO_DATA"),
        (typeof(Rtnetlink), "VethPeer", "VETH_INFO_PEER"),
        (typeof(Rtnetlink), "SettingsIPv4", "IFLA_INET_CONF"),
        (typeof(Rtnetlink), "Forwarding", "IPV4_DEVCONF_FORWARDING"),
        (typeof(Rtnetlink), "RouteLocalNetwork", "IPV4_DEVCONF_ROUTE_LOCALNET"),
        (typeof(Rtnetlink), "ReversePathFilter", "IPV4_DEVCONF_RP_FILTER"),
        (typeof(Rtnetlink), "AddressGeneration", "IFLA_INET6_ADDR_GEN_MODE"),
        (typeof(Rtnetlink), "NoAddressGeneration", "IN6_ADDR_GEN_MODE_NONE"),
        (typeof(Rtnetlink), "Address", "IFA_ADDRESS"),
        (typeof(Rtnetlink), "AddressLocal", "IFA_LOCAL"),
        (typeof(Rtnetlink), "AddressUnchecked", "IFA_F_NODAD"),
        (typeof(Rtnetlink), "NeighbourAddress", "NDA_DST"),
        (typeof(Rtnetlink), "NeighbourLinkAddress", "NDA_LLADDR"),
        (typeof(Rtnetlink), "NeighbourPermanent", "NUD_PERMANENT"),
        (typeof(Rtnetlink), "RouteDestination", "RTA_DST"),
        (typeof(Rtnetlink), "RouteDevice", "RTA_OIF"),
        (typeof(Rtnetlink), "RouteGateway", "RTA_GATEWAY"),
        (typeof(Rtnetlink), "MainTable", "RT_TABLE_MAIN"),
        (typeof(Rtnetlink), "ProtocolRouterAdvertisement", "RTPROT_RA"),
        (typeof(Rtnetlink), "Universe", "RT_SCOPE_UNIVERSE"),
        (typeof(Rtnetlink), "Unicast", "RTN_UNICAST"),
        (typeof(Rtnetlink), "Broadcast", "RTN_BROADCAST"),
        (typeof(Rtnetlink), "Anycast", "RTN_ANYCAST"),
        (typeof(Rtnetlink), "Multicast", "RTN_MULTICAST"),
        (typeof(Rtnetlink), "OnLink", "RTNH_F_ONLINK"),
        (typeof(Rtnetlink), "Cloned", "RTM_F_CLONED"),
        (typeof(Errno), "ProtocolNotSupported", "EPROTONOSUPPORT"),
        (typeof(Errno), "InvalidArgument", "EINVAL"),
        (typeof(Errno), "Busy", "EBUSY"),
        (typeof(Nfnetlink), "TablesSubsystem", "NFNL_SUBSYS_NFTABLES"),
        (typeof(Nfnetlink), "ConntrackSubsystem", "NFNL_SUBSYS_CTNETLINK"),
        (typeof(Nfnetlink), "GetTable", "NFT_MSG_GETTABLE"),
        (typeof(Nfnetlink), "DeleteTable", "NFT_MSG_DELTABLE"),
        (typeof(Nfnetlink), "NewChain", "NFT_MSG_NEWCHAIN"),
        (typeof(Nfnetlink), "GetChain", "NFT_MSG_GETCHAIN"),
        (typeof(Nfnetlink), "DeleteChain", "NFT_MSG_DELCHAIN"),
        (typeof(Nfnetlink), "NewRule", "NFT_MSG_NEWRULE"),
        (typeof(Nfnetlink), "GetRule", "NFT_MSG_GETRULE"),
        (typeof(Nfnetlink), "DeleteRule", "NFT_MSG_DELRULE"),
        (typeof(Nfnetlink), "NewElement", "NFT_MSG_NEWSETELEM"),
        (typeof(Nfnetlink), "GetElement", "NFT_MSG_GETSETELEM"),
        (typeof(Nfnetlink), "DeleteElement", "NFT_MSG_DELSETELEM"),
        (typeof(Nfnetlink), "GetFlow", "IPCTNL_MSG_CT_GET"),
        (typeof(Nfnetlink), "DeleteFlow", "IPCTNL_MSG_CT_DELETE"),
        (typeof(Nfnetlink), "Append", "NLM_F_APPEND"),
        (typeof(Nfnetlink), "TableName", "NFTA_TABLE_NAME"),
        (typeof(Nfnetlink), "ChainTable", "NFTA_CHAIN_TABLE"),
        (typeof(Nfnetlink), "ChainName", "NFTA_CHAIN_NAME"),
        (typeof(Nfnetlink), "ChainHook", "NFTA_CHAIN_HOOK"),
        (typeof(Nfnetlink), "ChainPolicy", "NFTA_CHAIN_POLICY"),
        (typeof(Nfnetlink), "HookNumber", "NFTA_HOOK_HOOKNUM"),
        (typeof(Nfnetlink), "RuleTable", "NFTA_RULE_TABLE"),
        (typeof(Nfnetlink), "RuleChain", "NFTA_RULE_CHAIN"),
        (typeof(Nfnetlink), "RuleHandle", "NFTA_RULE_HANDLE"),
        (typeof(Nfnetlink), "RuleExpressions", "NFTA_RULE_EXPRESSIONS"),
        (typeof(Nfnetlink), "RuleUserData", "NFTA_RULE_USERDATA"),
        (typeof(Nfnetlink), "ListItem", "NFTA_LIST_ELEM"),
        (typeof(Nfnetlink), "ExpressionName", "NFTA_EXPR_NAME"),
        (typeof(Nfnetlink), "ExpressionData", "NFTA_EXPR_DATA"),
        (typeof(Nfnetlink), "ElementsTable", "NFTA_SET_ELEM_LIST_TABLE"),
        (typeof(Nfnetlink), "ElementsSet", "NFTA_SET_ELEM_LIST_SET"),
        (typeof(Nfnetlink), "Elements", "NFTA_SET_ELEM_LIST_ELEMENTS"),
        (typeof(Nfnetlink), "ElementKey", "NFTA_SET_ELEM_KEY"),
        (typeof(Nfnetlink), "ElementData", "NFTA_SET_ELEM_DATA"),
        (typeof(Nfnetlink), "DataValue", "NFTA_DATA_VALUE"),
        (typeof(Nfnetlink), "DataVerdict", "NFTA_DATA_VERDICT"),
        (typeof(Nfnetlink), "VerdictCode", "NFTA_VERDICT_CODE"),
        (typeof(Nfnetlink), "VerdictChain", "NFTA_VERDICT_CHAIN"),
        (typeof(Nfnetlink), "MetaTarget", "NFTA_META_DREG"),
        (typeof(Nfnetlink), "MetaKey", "NFTA_META_KEY"),
        (typeof(Nfnetlink), "PayloadTarget", "NFTA_PAYLOAD_DREG"),
        (typeof(Nfnetlink), "PayloadBase", "NFTA_PAYLOAD_BASE"),
        (typeof(Nfnetlink), "PayloadOffset", "NFTA_PAYLOAD_OFFSET"),
        (typeof(Nfnetlink), "PayloadLength", "NFTA_PAYLOAD_LEN"),
        (typeof(Nfnetlink), "PayloadSource", "NFTA_PAYLOAD_SREG"),
        (typeof(Nfnetlink), "PayloadChecksumType", "NFTA_PAYLOAD_CSUM_TYPE"),
        (typeof(Nfnetlink), "PayloadChecksumOffset", "NFTA_PAYLOAD_CSUM_OFFSET"),
        (typeof(Nfnetlink), "PayloadChecksumFlags", "NFTA_PAYLOAD_CSUM_FLAGS"),
        (typeof(Nfnetlink), "CompareSource", "NFTA_CMP_SREG"),
        (typeof(Nfnetlink), "CompareHow", "NFTA_CMP_OP"),
        (typeof(Nfnetlink), "CompareData", "NFTA_CMP_DATA"),
        (typeof(Nfnetlink), "LookupSet", "NFTA_LOOKUP_SET"),
        (typeof(Nfnetlink), "LookupSource", "NFTA_LOOKUP_SREG"),
        (typeof(Nfnetlink), "LookupTarget", "NFTA_LOOKUP_DREG"),
        (typeof(Nfnetlink), "ImmediateTarget", "NFTA_IMMEDIATE_DREG"),
        (typeof(Nfnetlink), "ImmediateData", "NFTA_IMMEDIATE_DATA"),
        (typeof(Nfnetlink), "FlowTarget", "NFTA_CT_DREG"),
        (typeof(Nfnetlink), "FlowKey", "NFTA_CT_KEY"),
        (typeof(Nfnetlink), "FlowDirection", "NFTA_CT_DIRECTION"),
        (typeof(Nfnetlink), "BitwiseSource", "NFTA_BITWISE_SREG"),
        (typeof(Nfnetlink), "BitwiseTarget", "NFTA_BITWISE_DREG"),
        (typeof(Nfnetlink), "BitwiseLength", "NFTA_BITWISE_LEN"),
        (typeof(Nfnetlink), "BitwiseMask", "NFTA_BITWISE_MASK"),
        (typeof(Nfnetlink), "BitwiseFlip", "NFTA_BITWISE_XOR"),
        (typeof(Nfnetlink), "CounterBytes", "NFTA_COUNTER_BYTES"),
        (typeof(Nfnetlink), "CounterPackets", "NFTA_COUNTER_PACKETS"),
        (typeof(Nfnetlink), "TupleOriginal", "CTA_TUPLE_ORIG"),
        (typeof(Nfnetlink), "TupleReply", "CTA_TUPLE_REPLY"),
        (typeof(Nfnetlink), "TupleIp", "CTA_TUPLE_IP"),
        (typeof(Nfnetlink), "Source4", "CTA_IP_V4_SRC"),
        (typeof(Nfnetlink), "Source6", "CTA_IP_V6_SRC"),
        (typeof(Nfnetlink), "FlowId", "CTA_ID"),
        (typeof(Nfnetlink), "Filter", "CTA_FILTER"),
        (typeof(Nfnetlink), "FilterOriginal", "CTA_FILTER_ORIG_FLAGS"),
        (typeof(Nfnetlink), "FilterReply", "CTA_FILTER_REPLY_FLAGS"),
        (typeof(Nfnetlink), "VerdictRegister", "NFT_REG_VERDICT"),
        (typeof(Nfnetlink), "FirstRegister", "NFT_REG_1"),
        (typeof(Nfnetlink), "IsEqual", "NFT_CMP_EQ"),
        (typeof(Nfnetlink), "TransportHeader", "NFT_PAYLOAD_TRANSPORT_HEADER"),
        (typeof(Nfnetlink), "InternetChecksum", "NFT_PAYLOAD_CSUM_INET"),
        (typeof(Nfnetlink), "FlowDestination4", "NFT_CT_DST_IP"),
        (typeof(Nfnetlink), "FlowDestination6", "NFT_CT_DST_IP6"),
        (typeof(Nfnetlink), "OriginalDirection", "IP_CT_DIR_ORIGINAL"),
        (typeof(NftFamily), "None", "NFPROTO_UNSPEC"),
        (typeof(NftFamily), "Inet", "NFPROTO_INET"),
        (typeof(NftFamily), "Ip", "NFPROTO_IPV4"),
        (typeof(NftFamily), "Bridge", "NFPROTO_BRIDGE"),
        (typeof(NftFamily), "Ip6", "NFPROTO_IPV6"),
        (typeof(NftVerdict), "Drop", "NF_DROP"),
        (typeof(NftVerdict), "Accept", "NF_ACCEPT"),
        (typeof(NftVerdict), "Jump", "NFT_JUMP"),
        (typeof(NftVerdict), "Goto", "NFT_GOTO"),
        (typeof(NftMeta), "InputName", "NFT_META_IIFNAME"),
        (typeof(NftMeta), "OutputName", "NFT_META_OIFNAME"),
        (typeof(NftMeta), "Family", "NFT_META_NFPROTO"),
        (typeof(NftMeta), "Protocol", "NFT_META_L4PROTO"),
        (typeof(NftChain), "Forward", "NF_INET_FORWARD"),
        (typeof(Signals), "Kill", "SIGKILL"),
        (typeof(Signals), "Terminate", "SIGTERM"),
        (typeof(SocketMessages), "SocketLevel", "SOL_SOCKET"),
        (typeof(SocketMessages), "Rights", "SCM_RIGHTS"),
        (typeof(SocketMessages), "NoSignal", "MSG_NOSIGNAL"),
        (typeof(TapDevice), "GetInterface", "TUNGETIFF"),
        (typeof(TapDevice), "GetNamespace", "SIOCGSKNS"),
        (typeof(TapDevice), "NameBytes", "IFNAMSIZ"),
        (typeof(TapDevice), "RequestBytes", "sizeof(struct ifreq)"),
        (typeof(BoundedOutput), "CloseOnExecAllowSealing", "MFD_CLOEXEC | MFD_ALLOW_SEALING"),
        (typeof(BoundedOutput), "AddSeals", "F_ADD_SEALS"),
        (typeof(BoundedOutput), "SealGrow", "F_SEAL_GROW"),
        (typeof(Errno), "Busy", "EBUSY"),
        (typeof(Errno), "InvalidArgument", "EINVAL"),
        (typeof(Errno), "OutOfRange", "ERANGE"),
        (typeof(Rtnetlink), "LinkMaster", "IFLA_MASTER"),
        (typeof(SocketPair), "UnixFamily", "AF_UNIX"),
        (typeof(SocketPair), "StreamCloseOnExec", "SOCK_STREAM | SOCK_CLOEXEC"),
        (typeof(TunFile), "MultiQueue", "IFF_MULTI_QUEUE"),
        (typeof(TunFile), "Exclusive", "(short)IFF_TUN_EXCL"),
        (typeof(TunFile), "ReadWriteCloseOnExec", "O_RDWR | O_CLOEXEC"),
        (typeof(TunFile), "ReadOnlyCloseOnExec", "O_RDONLY | O_CLOEXEC"),
        (typeof(TunFile), "NetlinkFamily", "AF_NETLINK"),
        (typeof(TunFile), "RawCloseOnExec", "SOCK_RAW | SOCK_CLOEXEC"),
        (typeof(TunFile), "NewNetwork", "CLONE_NEWNET"),
        (typeof(TunFile), "SetInterface", "TUNSETIFF"),
        (typeof(TunFile), "TapFlags", "IFF_TAP | IFF_NO_PI | IFF_VNET_HDR"),
        (typeof(UnixListener), "LongestPathBytes", "sizeof(((struct sockaddr_un *)0)->sun_path) - 1"),
        (typeof(UnixListener), "UnixFamily", "AF_UNIX"),
        (typeof(UnixListener), "StreamCloseOnExec", "SOCK_STREAM | SOCK_CLOEXEC"),
    ];

    // The fields of each structure; null as the field is the structure's size.
    private static readonly (Type Type, string Struct, string? Field, string InC)[] s_layouts =
    [
        (typeof(DirectoryWatch), "EventHeader", null, "struct inotify_event"),
        (typeof(DirectoryWatch), "EventHeader", "Watch", "struct inotify_event, wd"),
        (typeof(DirectoryWatch), "EventHeader", "Mask", "struct inotify_event, mask"),
        (typeof(DirectoryWatch), "EventHeader", "Cookie", "struct inotify_event, cookie"),
        (typeof(DirectoryWatch), "EventHeader", "NameLength", "struct inotify_event, len"),
        (typeof(FileLock), "LockRange", null, "struct flock"),
        (typeof(FileLock), "LockRange", "Type", "struct flock, l_type"),
        (typeof(FileLock), "LockRange", "Whence", "struct flock, l_whence"),
        (typeof(FileLock), "LockRange", "Start", "struct flock, l_start"),
        (typeof(FileLock), "LockRange", "Length", "struct flock, l_len"),
        (typeof(FileLock), "LockRange", "ProcessId", "struct flock, l_pid"),
        (typeof(FileEntry), "Status", null, "struct statx"),
        (typeof(FileEntry), "Status", "Mode", "struct statx, stx_mode"),
        (typeof(FileEntry), "Status", "Size", "struct statx, stx_size"),
        (typeof(FileEntry), "Status", "ModifiedAt", "struct statx, stx_mtime"),
        (typeof(Namespaces), "Status", null, "struct statx"),
        (typeof(Namespaces), "Status", "Inode", "struct statx, stx_ino"),
        (typeof(NetlinkSocket), "InterfaceRequest", null, "struct ifreq"),
        (typeof(NetlinkSocket), "InterfaceRequest", "Name", "struct ifreq, ifr_name"),
        (typeof(NetlinkSocket), "InterfaceRequest", "Index", "struct ifreq, ifr_ifindex"),
        (typeof(FileUsage), "FileStatus", null, "struct statx"),
        (typeof(FileUsage), "FileStatus", "Blocks", "struct statx, stx_blocks"),
        (typeof(Polling), "Entry", null, "struct pollfd"),
        (typeof(Polling), "Entry", "Descriptor", "struct pollfd, fd"),
        (typeof(Polling), "Entry", "Events", "struct pollfd, events"),
        (typeof(Polling), "Entry", "Returned", "struct pollfd, revents"),
        (typeof(ProcessDescriptor), "SignalInfo", null, "siginfo_t"),
        (typeof(ProcessDescriptor), "SignalInfo", "Code", "siginfo_t, si_code"),
        (typeof(ProcessDescriptor), "SignalInfo", "ProcessId", "siginfo_t, si_pid"),
        (typeof(ProcessDescriptor), "SignalInfo", "Status", "siginfo_t, si_status"),
        (typeof(TunFile), "InterfaceRequest", null, "struct ifreq"),
        (typeof(TunFile), "InterfaceRequest", "Name", "struct ifreq, ifr_name"),
        (typeof(TunFile), "InterfaceRequest", "Flags", "struct ifreq, ifr_flags"),
        (typeof(FreshNetwork), "InterfaceRequest", null, "struct ifreq"),
        (typeof(FreshNetwork), "InterfaceRequest", "Name", "struct ifreq, ifr_name"),
        (typeof(FreshNetwork), "InterfaceRequest", "Flags", "struct ifreq, ifr_flags"),
        (typeof(Rtnetlink), "Link", null, "struct ifinfomsg"),
        (typeof(Rtnetlink), "Link", "Family", "struct ifinfomsg, ifi_family"),
        (typeof(Rtnetlink), "Link", "Type", "struct ifinfomsg, ifi_type"),
        (typeof(Rtnetlink), "Link", "Index", "struct ifinfomsg, ifi_index"),
        (typeof(Rtnetlink), "Link", "Flags", "struct ifinfomsg, ifi_flags"),
        (typeof(Rtnetlink), "Link", "Change", "struct ifinfomsg, ifi_change"),
        (typeof(Rtnetlink), "InterfaceAddress", null, "struct ifaddrmsg"),
        (typeof(Rtnetlink), "InterfaceAddress", "Family", "struct ifaddrmsg, ifa_family"),
        (typeof(Rtnetlink), "InterfaceAddress", "PrefixLength", "struct ifaddrmsg, ifa_prefixlen"),
        (typeof(Rtnetlink), "InterfaceAddress", "Flags", "struct ifaddrmsg, ifa_flags"),
        (typeof(Rtnetlink), "InterfaceAddress", "Scope", "struct ifaddrmsg, ifa_scope"),
        (typeof(Rtnetlink), "InterfaceAddress", "Index", "struct ifaddrmsg, ifa_index"),
        (typeof(Rtnetlink), "Neighbour", null, "struct ndmsg"),
        (typeof(Rtnetlink), "Neighbour", "Family", "struct ndmsg, ndm_family"),
        (typeof(Rtnetlink), "Neighbour", "Index", "struct ndmsg, ndm_ifindex"),
        (typeof(Rtnetlink), "Neighbour", "State", "struct ndmsg, ndm_state"),
        (typeof(Rtnetlink), "Neighbour", "Flags", "struct ndmsg, ndm_flags"),
        (typeof(Rtnetlink), "Neighbour", "Type", "struct ndmsg, ndm_type"),
        (typeof(Rtnetlink), "Route", null, "struct rtmsg"),
        (typeof(Rtnetlink), "Route", "Family", "struct rtmsg, rtm_family"),
        (typeof(Rtnetlink), "Route", "DestinationLength", "struct rtmsg, rtm_dst_len"),
        (typeof(Rtnetlink), "Route", "SourceLength", "struct rtmsg, rtm_src_len"),
        (typeof(Rtnetlink), "Route", "TypeOfService", "struct rtmsg, rtm_tos"),
        (typeof(Rtnetlink), "Route", "Table", "struct rtmsg, rtm_table"),
        (typeof(Rtnetlink), "Route", "Protocol", "struct rtmsg, rtm_protocol"),
        (typeof(Rtnetlink), "Route", "Scope", "struct rtmsg, rtm_scope"),
        (typeof(Rtnetlink), "Route", "Type", "struct rtmsg, rtm_type"),
        (typeof(Rtnetlink), "Route", "Flags", "struct rtmsg, rtm_flags"),
        (typeof(SocketMessages), "Vector", null, "struct iovec"),
        (typeof(SocketMessages), "Vector", "Base", "struct iovec, iov_base"),
        (typeof(SocketMessages), "Vector", "Length", "struct iovec, iov_len"),
        (typeof(SocketMessages), "Header", null, "struct msghdr"),
        (typeof(SocketMessages), "Header", "Name", "struct msghdr, msg_name"),
        (typeof(SocketMessages), "Header", "NameLength", "struct msghdr, msg_namelen"),
        (typeof(SocketMessages), "Header", "Vectors", "struct msghdr, msg_iov"),
        (typeof(SocketMessages), "Header", "VectorCount", "struct msghdr, msg_iovlen"),
        (typeof(SocketMessages), "Header", "Control", "struct msghdr, msg_control"),
        (typeof(SocketMessages), "Header", "ControlLength", "struct msghdr, msg_controllen"),
        (typeof(SocketMessages), "Header", "Flags", "struct msghdr, msg_flags"),
        (typeof(SocketMessages), "ControlMessage", "Length", "struct cmsghdr, cmsg_len"),
        (typeof(SocketMessages), "ControlMessage", "Level", "struct cmsghdr, cmsg_level"),
        (typeof(SocketMessages), "ControlMessage", "Type", "struct cmsghdr, cmsg_type"),
    ];

    [CompilerFact]
    public void Constants_are_those_of_the_headers()
    {
        long[] inC = Ask(s_constants.Select(constant => constant.InC));

        Assert.Equal(
            s_constants.Select((constant, i) => $"{constant.Type.Name}.{constant.Name} = {inC[i]}"),
            s_constants.Select(constant => $"{constant.Type.Name}.{constant.Name} = {Constant(constant.Type, constant.Name)}"));
    }

    [CompilerFact]
    public void Layouts_are_those_of_the_headers()
    {
        long[] inC = Ask(s_layouts.Select(layout => layout.Field is null ? $"sizeof({layout.InC})" : $"offsetof({layout.InC})"));

        Assert.Equal(
            s_layouts.Select((layout, i) => $"{layout.Struct}.{layout.Field} at {inC[i]}"),
            s_layouts.Select(layout => $"{layout.Struct}.{layout.Field} at {Place(layout.Type, layout.Struct, layout.Field)}"));
    }

    [CompilerFact]
    public void Control_message_with_one_descriptor_has_its_size()
    {
        long[] inC = Ask(["CMSG_SPACE(sizeof(int))", "CMSG_LEN(sizeof(int))", "CMSG_LEN(0)"]);

        Assert.Equal(inC[0], Place(typeof(SocketMessages), "ControlMessage", null));
        Assert.Equal(20, inC[1]);
        Assert.Equal(inC[2], Place(typeof(SocketMessages), "ControlMessage", "Descriptor"));
    }

    [CompilerFact]
    public void Event_of_epoll_has_its_layout()
    {
        long[] inC = Ask(["sizeof(struct epoll_event)", "offsetof(struct epoll_event, events)", "offsetof(struct epoll_event, data)"]);

        // What is no structure here, because its layout depends on the architecture.
        Assert.Equal([Field("s_eventSize"), 0, Field("s_dataOffset")], inC);

        static long Field(string name) => (int)typeof(Readiness).GetField(name, BindingFlags.Static | BindingFlags.NonPublic)!.GetValue(null)!;
    }

    [Fact]
    public void Every_constant_of_the_native_code_is_held_against_the_headers()
    {
        // These are ours, or are named in another way where they are.
        string[] own = ["SliceMilliseconds", "BlockBytes", "Backlog", "ErrorTextLimit", "BatchSize", "BufferBytes", "DumpAttempts", "CommentType", "WordsLimit", "FilterSource", "EIntr", "EXDev", "EInval", "ENoTty", "ENoSys", "EOpNotSupp", "ENxio"];
        IEnumerable<string> all = typeof(Errno).Assembly.GetTypes()
            .Where(type => type.Namespace == "MicroVm.Engine.Native" && !type.IsNested)
            .SelectMany(type => type.GetFields(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly).Where(field => field.IsLiteral))
            .Where(field => !own.Contains(field.Name))
            .Select(field => $"{field.DeclaringType!.Name}.{field.Name}");

        Assert.Empty(all.Except(s_constants.Select(constant => $"{constant.Type.Name}.{constant.Name}")));
    }

    private static long Constant(Type type, string name)
    {
        object value = type.GetField(name, BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic)!.GetRawConstantValue()!;
        return value is ulong big ? (long)big : Convert.ToInt64(value, CultureInfo.InvariantCulture);
    }

    private static long Place(Type type, string structure, string? field)
    {
        Type nested = type.GetNestedType(structure, BindingFlags.Public | BindingFlags.NonPublic)!;
        return field is null ? Marshal.SizeOf(nested) : Marshal.OffsetOf(nested, field);
    }

    private static long[] Ask(IEnumerable<string> expressions)
    {
        using Scratch scratch = new();
        string source = scratch.File("ask.c");
        File.WriteAllText(source, string.Join('\n', [
            "#define _GNU_SOURCE",
            .. ((string[])["errno", "fcntl", "linux/falloc", "linux/fs", "linux/if", "linux/if_addr", "linux/if_link", "linux/if_tun", "linux/ip", "linux/neighbour", "linux/netfilter", "linux/netfilter/nf_conntrack_tuple_common", "linux/netfilter/nf_tables", "linux/netfilter/nfnetlink", "linux/netfilter/nfnetlink_conntrack", "linux/netlink", "linux/random",
                "linux/rtnetlink", "linux/sockios", "linux/veth", "poll", "sched", "signal", "spawn", "stddef", "stdio", "sys/epoll", "sys/inotify", "sys/mman", "sys/mount",
                "sys/socket", "sys/stat", "sys/syscall", "sys/uio", "sys/un", "sys/wait", "unistd"]).Select(header => $"#include <{header}.h>"),
            "#ifndef P_PIDFD",
            "#define P_PIDFD 3",
            "#endif",
            "#ifndef PIDFD_GET_INFO",
            "#define PIDFD_GET_INFO _IOC(_IOC_READ | _IOC_WRITE, 0xFF, 11, 64)",
            "#define PIDFD_INFO_EXIT (1UL << 3)",
            "#endif",
            "#ifndef FSOPEN_CLOEXEC",
            "#define FSOPEN_CLOEXEC 1",
            "#define FSMOUNT_CLOEXEC 1",
            "#define FSCONFIG_CMD_CREATE 6",
            "#endif",
            "int main(void) {",
            .. expressions.Select(expression => $"printf(\"%lld\\n\", (long long)({expression}));"),
            "return 0; }",
        ]));
        Run("gcc", "-w", "-o", scratch.File("ask"), source);
        return [.. Run(scratch.File("ask")).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => long.Parse(line, CultureInfo.InvariantCulture))];
    }

    private static string Run(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        Assert.True(process.WaitForExit(Limits.Generous));
        Assert.True(process.ExitCode == 0, errors.Result);
        return output;
    }
}
