using System.Runtime.CompilerServices;
using System.Threading.Channels;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Isolation;
using MicroVm.Engine.Native;
using MicroVm.Engine.State;

namespace MicroVm.Engine.Machines;

/// <summary>
/// Watches all VMs of a state directory, and polls nothing: inotify tells of directories, records and locks, pidfds of VMMs that end. Everything is watched
/// before it is looked at, so no change falls between the two.
/// </summary>
internal sealed class MachineMonitor : IDisposable
{
    // Whoever reaps a VMM notes how it ended right after; without that note its end looks like one that nobody saw.
    private static readonly TimeSpan s_exitNoteLimit = TimeSpan.FromSeconds(1);

    private readonly EngineContext _context;
    private readonly DirectoryWatch _watch;
    private readonly int _root;
    private readonly Func<Guid, ProcessIdentity, ProcessDescriptor, Task>? _ended;
    private readonly bool _hasBegun;
    private readonly Dictionary<Guid, Watched> _machines = [];
    private readonly Dictionary<int, Guid> _ids = [];
    private readonly Queue<MachineChange> _changes = [];
    private readonly Channel<Guid> _due = Channel.CreateUnbounded<Guid>();
    private readonly CancellationTokenSource _stop = new();
    private bool _isOver;

    /// <summary>Begins to watch; what is there now is known when this returns.</summary>
    /// <param name="context">The engine.</param>
    /// <param name="ended">Called as soon as a VMM has ended, with its descriptor, before its VM is looked at; on any thread.</param>
    /// <exception cref="MicroVmException"><see cref="ErrorIds.WatchLimitReached"/>.</exception>
    public MachineMonitor(EngineContext context, Func<Guid, ProcessIdentity, ProcessDescriptor, Task>? ended = null)
    {
        _context = context;
        _ended = ended;
        MachineStore.MakeDirectory(context.Paths.MachinesDirectory);
        _watch = Guard(() => new DirectoryWatch());
        try
        {
            _root = Guard(() => _watch.TryAdd(context.Paths.MachinesDirectory)) ?? throw new DirectoryNotFoundException(context.Paths.MachinesDirectory);
            LookAtAll();
            _changes.Clear();
            _hasBegun = true;
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The VMs as they were last seen.</summary>
    public IEnumerable<VirtualMachine> Machines => _machines.Values.Select(machine => machine.Seen).OfType<VirtualMachine>();

    /// <summary>The changes from now on.</summary>
    public static async IAsyncEnumerable<MachineChange> WatchAsync(EngineContext context, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using MachineMonitor monitor = new(context);
        while (await monitor.NextAsync(cancellationToken) is { } change)
        {
            yield return change;
        }
    }

    /// <summary>Waits for the next change; null when the directory of all VMs is gone.</summary>
    public async Task<MachineChange?> NextAsync(CancellationToken cancellationToken)
    {
        MachineChange? change;
        while (!_changes.TryDequeue(out change) && !_isOver)
        {
            await NewsAsync(cancellationToken);
            TakeEvents();
            while (_due.Reader.TryRead(out Guid id))
            {
                Look(id);
            }
        }

        return change;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        // Who waits for a process closes its descriptor.
        _stop.Cancel();
        _watch.Dispose();
    }

    private Task NewsAsync(CancellationToken cancellationToken) => TaskRace.FirstAsync(
        cancellationToken, token => Readiness.ReadableAsync(_watch.Handle, token), token => _due.Reader.WaitToReadAsync(token).AsTask());

    private void TakeEvents()
    {
        bool isLoss = false;
        // Once each, in the order of their first events: a record's replacement alone is three.
        HashSet<Guid> seen = [];
        foreach (DirectoryEvent happened in _watch.Read())
        {
            isLoss |= happened.IsLoss;
            if (happened.Watch == _root)
            {
                _isOver |= happened.IsEnd;
                if (Guid.TryParseExact(happened.Name, "N", out Guid id) && seen.Add(id))
                {
                    Look(id);
                }
            }
            else if (_ids.TryGetValue(happened.Watch, out Guid id)
                && (happened.IsEnd || happened.Name is MachineStore.RecordFile or MachineStore.ExitFile or MachineLock.FileName)
                && seen.Add(id))
            {
                Look(id);
            }
        }

        if (isLoss || _isOver)
        {
            LookAtAll();
        }
    }

    private void LookAtAll()
    {
        foreach (Guid id in _context.Machines.Ids().Union(_machines.Keys).ToArray())
        {
            Look(id);
        }
    }

    private void Look(Guid id)
    {
        if (!_machines.TryGetValue(id, out Watched? machine))
        {
            if (Guard(() => _watch.TryAdd(_context.Machines.DirectoryOf(id))) is not { } watch)
            {
                return;
            }

            machine = new Watched { Watch = watch };
            _machines[id] = machine;
            _ids[watch] = id;
        }

        MachineRecord? record = null;
        MicroVmException? damage = null;
        try
        {
            record = _context.Machines.Read(id);
        }
        catch (MicroVmException exception) when (exception.ErrorId == ErrorIds.StateCorrupt)
        {
            damage = exception;
        }

        Follow(id, machine, record?.Run?.Process);
        if (record is null && damage is null)
        {
            NoteAbsence(id, machine);
        }
        else if (record is null || IsSettled(id, machine, record))
        {
            NoteState(machine, record is null ? MachineView.OfDamaged(_context, id, damage!) : MachineView.Of(_context, record));
        }
    }

    private void NoteState(Watched machine, VirtualMachine now)
    {
        VmState? before = machine.Seen?.State;
        machine.Seen = now;
        if (before != now.State)
        {
            _changes.Enqueue(new MachineChange { VM = now, PreviousState = before, At = DateTimeOffset.Now });
        }
    }

    // A VM that is being made has a directory before it has a record.
    private void NoteAbsence(Guid id, Watched machine)
    {
        if (machine.Seen is { } last)
        {
            machine.Seen = null;
            _changes.Enqueue(new MachineChange { VM = last, PreviousState = last.State, IsRemoved = true, At = DateTimeOffset.Now });
        }

        if (!Directory.Exists(_context.Machines.DirectoryOf(id)))
        {
            _watch.Remove(machine.Watch);
            _ids.Remove(machine.Watch);
            _machines.Remove(id);
        }
    }

    // Whether what the record and the process table say of the VM is the last word for now.
    private bool IsSettled(Guid id, Watched machine, MachineRecord record)
    {
        if (!_hasBegun || record.Run is not { } run || run.Process.IsAlive)
        {
            return true;
        }

        if (MachineLock.IsHeld(_context.Machines.DirectoryOf(id)))
        {
            // Who is at work on it ended it, or will find it ended, and says so; that the lock is given back is told.
            return false;
        }

        ChildReaper.ReapEnded();
        if (record.State == VmState.Stopping || run.Process.BootId != ProcessIdentity.CurrentBootId || _context.Machines.ReadExit(id, run.Process) is not null)
        {
            return true;
        }

        if (machine.EndSeenAt is not { } seenAt)
        {
            machine.EndSeenAt = Environment.TickCount64;
            _ = LookLaterAsync(id);
            return false;
        }

        return Environment.TickCount64 - seenAt >= (long)s_exitNoteLimit.TotalMilliseconds;
    }

    private async Task LookLaterAsync(Guid id)
    {
        await Task.Delay(s_exitNoteLimit, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _due.Writer.TryWrite(id);
    }

    private void Follow(Guid id, Watched machine, ProcessIdentity? process)
    {
        if (process == machine.Process)
        {
            return;
        }

        machine.Following?.Cancel();
        machine.Following?.Dispose();
        machine.Following = null;
        machine.EndSeenAt = null;
        machine.Process = process;
        if (process is not null && VmmProcess.Open(process) is { } descriptor)
        {
            machine.Following = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
            _ = AwaitEndAsync(id, process, descriptor, machine.Following.Token);
        }
    }

    private async Task AwaitEndAsync(Guid id, ProcessIdentity process, ProcessDescriptor descriptor, CancellationToken cancellationToken)
    {
        using (descriptor)
        {
            Task end = Readiness.ReadableAsync(descriptor.Handle, cancellationToken);
            await end.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (end.IsCompletedSuccessfully && _ended is not null)
            {
                await _ended(id, process, descriptor).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }

        _due.Writer.TryWrite(id);
    }

    private static T Guard<T>(Func<T> watch)
    {
        try
        {
            return watch();
        }
        catch (LinuxException exception) when (exception.Errno is Errno.NoSpace or Errno.TooManyFiles)
        {
            throw new MicroVmException(ErrorIds.WatchLimitReached, ErrorKind.ResourceUnavailable, "VMs cannot be watched: the user's inotify watches are used up.", exception)
            {
                RecommendedAction = "Raise fs.inotify.max_user_watches and fs.inotify.max_user_instances (sysctl).",
            };
        }
    }

    private sealed class Watched
    {
        public required int Watch { get; init; }

        public VirtualMachine? Seen { get; set; }

        public ProcessIdentity? Process { get; set; }

        public CancellationTokenSource? Following { get; set; }

        /// <summary>When the process was first found gone, with no note of how it ended.</summary>
        public long? EndSeenAt { get; set; }
    }
}
