using System.Runtime.ExceptionServices;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Native;

namespace MicroVm.Engine.Isolation;

/// <summary>
/// A thread of its own inside fresh namespaces that runs one function. What it spawns inherits them (clone(2)); the thread ends with the function, and the
/// rest of the process never sees them. The kernel takes half a millisecond to make a network, in which the caller can do something else.
/// </summary>
internal sealed class NamespaceThread : IDisposable
{
    private const int StackBytes = 256 << 10;

    private readonly ManualResetEventSlim _wanted = new();
    private readonly Thread _thread;
    private Action? _function;
    private Exception? _failure;

    /// <summary>Begins to make the namespaces: mounts of its own, an empty network and own IPC. Needs CAP_SYS_ADMIN.</summary>
    /// <param name="scratchDirectory">An existing directory: inside it is a small tmpfs that goes with the namespace.</param>
    public NamespaceThread(string scratchDirectory)
    {
        _thread = new Thread(() => Work(scratchDirectory), StackBytes);
        _thread.Start();
    }

    /// <summary>Runs <paramref name="function"/>, whose exceptions pass unchanged, inside the namespaces. To be called once.</summary>
    /// <remarks>The function must make system calls only: a runtime thread that started here would stay in these namespaces.</remarks>
    /// <exception cref="MicroVmException"><see cref="ErrorIds.IsolationFailed"/>: the namespaces could not be made.</exception>
    public T Run<T>(Func<T> function)
    {
        T result = default!;
        _function = () => result = function();
        _wanted.Set();
        _thread.Join();
        if (_failure is not null)
        {
            // With its own stack trace.
            ExceptionDispatchInfo.Throw(_failure);
        }

        return result;
    }

    /// <summary>Ends the thread, if nothing was run on it.</summary>
    public void Dispose()
    {
        _wanted.Set();
        _thread.Join();
        _wanted.Dispose();
    }

    private void Work(string scratchDirectory)
    {
        try
        {
            Enter(scratchDirectory);
        }
        catch (LinuxException exception)
        {
            _failure = Refused(exception);
            return;
        }

        _wanted.Wait();
        try
        {
            _function?.Invoke();
        }
        catch (Exception exception)
        {
            _failure = exception;
        }
    }

    private static MicroVmException Refused(LinuxException cause) => new(
        ErrorIds.IsolationFailed, ErrorKind.ResourceUnavailable, "The VMM could not be started in namespaces of its own.", cause)
    {
        RecommendedAction = "Run Test-MicroVmHost to see what the host lacks.",
    };

    private static void Enter(string scratchDirectory)
    {
        Namespaces.Unshare(Namespaces.Mount | Namespaces.Network | Namespaces.Ipc);
        Namespaces.KeepMountsFromOthers();
        Namespaces.MountTmpfs(scratchDirectory, "size=16m,mode=0700");
    }
}
