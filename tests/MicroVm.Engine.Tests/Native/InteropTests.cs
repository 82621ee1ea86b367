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
        (typeof(Namespaces), "Mount", "CLONE_NEWNS"),
        (typeof(Namespaces), "Ipc", "CLONE_NEWIPC"),
        (typeof(Namespaces), "Network", "CLONE_NEWNET"),
        (typeof(Namespaces), "NoSuid", "MS_NOSUID"),
        (typeof(Namespaces), "NoDev", "MS_NODEV"),
        (typeof(Namespaces), "Recursive", "MS_REC"),
        (typeof(Namespaces), "Slave", "MS_SLAVE"),
        (typeof(Polling), "In", "POLLIN"),
        (typeof(ProcessDescriptor), "OpenCall", "SYS_pidfd_open"),
        (typeof(ProcessDescriptor), "SendSignalCall", "SYS_pidfd_send_signal"),
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
        (typeof(Signals), "Kill", "SIGKILL"),
        (typeof(Signals), "Terminate", "SIGTERM"),
        (typeof(SocketMessages), "SocketLevel", "SOL_SOCKET"),
        (typeof(SocketMessages), "Rights", "SCM_RIGHTS"),
        (typeof(SocketMessages), "NoSignal", "MSG_NOSIGNAL"),
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
        string[] own = ["SliceMilliseconds", "BlockBytes", "Backlog", "ErrorTextLimit", "BatchSize", "BufferBytes", "EIntr", "EXDev", "EInval", "ENoTty", "ENoSys", "EOpNotSupp", "ENxio"];
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
        Type nested = type.GetNestedType(structure, BindingFlags.NonPublic)!;
        return field is null ? Marshal.SizeOf(nested) : Marshal.OffsetOf(nested, field);
    }

    private static long[] Ask(IEnumerable<string> expressions)
    {
        using Scratch scratch = new();
        string source = scratch.File("ask.c");
        File.WriteAllText(source, string.Join('\n', [
            "#define _GNU_SOURCE",
            .. ((string[])["errno", "fcntl", "linux/falloc", "linux/fs", "linux/random", "poll", "sched", "signal", "spawn", "stddef", "stdio", "sys/epoll", "sys/inotify", "sys/mman", "sys/mount",
                "sys/socket", "sys/stat", "sys/syscall", "sys/uio", "sys/un", "sys/wait", "unistd"]).Select(header => $"#include <{header}.h>"),
            "#ifndef P_PIDFD",
            "#define P_PIDFD 3",
            "#endif",
            "#ifndef PIDFD_GET_INFO",
            "#define PIDFD_GET_INFO _IOC(_IOC_READ | _IOC_WRITE, 0xFF, 11, 64)",
            "#define PIDFD_INFO_EXIT (1UL << 3)",
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
