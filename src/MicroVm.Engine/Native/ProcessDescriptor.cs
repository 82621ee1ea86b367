using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace MicroVm.Engine.Native;

/// <summary>A process held by a descriptor, so that its number cannot be reused under us (pidfd_open(2)).</summary>
internal sealed unsafe partial class ProcessDescriptor : IDisposable
{
    private const int OpenCall = 434;
    private const int SendSignalCall = 424;
    private const int GetDescriptorCall = 438;
    private const int WaitByDescriptor = 3;
    private const int WaitNoHang = 1;
    private const int WaitExited = 4;
    private const int ExitedNormally = 1;
    private const uint GetInfo = 0xC040FF0B;
    private const ulong InfoExit = 8;

    private readonly SafeFileHandle _file;

    private ProcessDescriptor(SafeFileHandle file) => _file = file;

    /// <summary>Opens the process of that number, or gives null when there is none.</summary>
    public static ProcessDescriptor? TryOpen(int processId)
    {
        long result = Syscall(OpenCall, processId, 0, 0, 0);
        if (result >= 0)
        {
            return new ProcessDescriptor(new SafeFileHandle((nint)result, ownsHandle: true));
        }

        return Marshal.GetLastPInvokeError() == Errno.NoSuchProcess ? null : throw LinuxException.Last("pidfd_open");
    }

    /// <summary>Sends a signal.</summary>
    /// <returns>False when the process is gone.</returns>
    public bool Signal(int signal)
    {
        bool added = false;
        try
        {
            _file.DangerousAddRef(ref added);
            if (Syscall(SendSignalCall, _file.DangerousGetHandle(), signal, 0, 0) == 0)
            {
                return true;
            }
        }
        finally
        {
            if (added)
            {
                _file.DangerousRelease();
            }
        }

        return Marshal.GetLastPInvokeError() == Errno.NoSuchProcess ? false : throw LinuxException.Last("pidfd_send_signal");
    }

    /// <summary>Becomes readable when the process has ended.</summary>
    public SafeHandle Handle => _file;

    /// <summary>Waits until the process has ended; blocks the calling thread.</summary>
    /// <returns>False when the wait ran out.</returns>
    public bool WaitForEnd(TimeSpan limit, CancellationToken cancellationToken) => Polling.WaitAny(limit, cancellationToken, _file) == 0;

    /// <summary>Reaps the process if it is an ended child of ours.</summary>
    /// <returns>How it ended; null when it still runs, is not our child or was reaped already.</returns>
    public ProcessExit? TryReap()
    {
        bool added = false;
        try
        {
            _file.DangerousAddRef(ref added);
            SignalInfo info = default;
            int result = WaitId(WaitByDescriptor, (int)_file.DangerousGetHandle(), &info, WaitExited | WaitNoHang);
            return result != 0 || info.ProcessId == 0
                ? null
                : info.Code == ExitedNormally ? new ProcessExit(info.Status, null) : new ProcessExit(null, info.Status);
        }
        finally
        {
            if (added)
            {
                _file.DangerousRelease();
            }
        }
    }

    /// <summary>How the process ended, whoever's child it was; for that it has to be reaped, and this object made before.</summary>
    /// <returns>Null while it is not reaped, and always on kernels older than Linux 6.15.</returns>
    /// <remarks>
    /// PIDFD_GET_INFO with PIDFD_INFO_EXIT, of include/uapi/linux/pidfd.h of Linux 6.15: many hosts have older headers than kernels, so the numbers and struct
    /// pidfd_info in its first size (PIDFD_INFO_SIZE_VER0) are held against what the kernel does.
    /// </remarks>
    public ProcessExit? TryGetExit()
    {
        bool added = false;
        try
        {
            _file.DangerousAddRef(ref added);
            ExitInfo info = new() { Mask = InfoExit };
            return IoControl((int)_file.DangerousGetHandle(), GetInfo, &info) == 0 && (info.Mask & InfoExit) != 0 ? ProcessExit.OfStatus(info.Status) : null;
        }
        finally
        {
            if (added)
            {
                _file.DangerousRelease();
            }
        }
    }

    /// <summary>A copy of a descriptor of the process, closed on exec (pidfd_getfd(2); Linux 5.6). Needs the right to trace it.</summary>
    /// <param name="number">Its number there.</param>
    /// <returns>Null when the process is gone or has no such descriptor.</returns>
    public SafeFileHandle? TryCopyDescriptor(int number)
    {
        bool added = false;
        try
        {
            _file.DangerousAddRef(ref added);
            long result = Syscall(GetDescriptorCall, _file.DangerousGetHandle(), number, 0, 0);
            return result >= 0 ? new SafeFileHandle((nint)result, ownsHandle: true)
                : Marshal.GetLastPInvokeError() is Errno.NoSuchProcess or Errno.BadDescriptor ? null
                : throw LinuxException.Last("pidfd_getfd");
        }
        finally
        {
            if (added)
            {
                _file.DangerousRelease();
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial long Syscall(long number, nint a, nint b, nint c, nint d);

    [LibraryImport("libc", EntryPoint = "waitid", SetLastError = true)]
    private static partial int WaitId(int kind, int id, SignalInfo* info, int options);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int IoControl(int file, nuint request, ExitInfo* info);

    /// <summary>The fields of struct pidfd_info that are needed.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 64)]
    private struct ExitInfo
    {
        [FieldOffset(0)]
        public ulong Mask;

        [FieldOffset(60)]
        public int Status;
    }

    /// <summary>The fields of siginfo_t that SIGCHLD fills on 64-bit Linux.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 128)]
    private struct SignalInfo
    {
        [FieldOffset(8)]
        public int Code;

        [FieldOffset(16)]
        public int ProcessId;

        [FieldOffset(24)]
        public int Status;
    }
}
