using System.Collections.Concurrent;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Isolation;
using MicroVm.Engine.Machines;
using MicroVm.Engine.Native;

namespace MicroVm.Engine.Keeper;

/// <summary>Removes ephemeral VMs when the process has ended that made them.</summary>
internal sealed class OwnerWatch(EngineContext context, Action<string> say) : IDisposable
{
    // Another operation holds the VM as long as it takes; it tells nobody when it is done.
    private static readonly TimeSpan s_busyPause = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<Guid, Task> _followed = [];
    private readonly CancellationTokenSource _stop = new();

    /// <summary>Begins to wait for a VM's owner; once is enough.</summary>
    public void Follow(Guid id, ProcessIdentity owner) => _followed.GetOrAdd(id, _ => RemoveAfterAsync(id, owner));

    /// <summary>Whether an owner still lives, or a VM is being removed.</summary>
    public bool IsWaiting => _followed.Values.Any(removal => !removal.IsCompleted);

    /// <inheritdoc/>
    public void Dispose() => _stop.Cancel();

    private async Task RemoveAfterAsync(Guid id, ProcessIdentity owner)
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                // What fails here does not mean that the owner has ended.
                using (ProcessDescriptor? process = VmmProcess.Open(owner))
                {
                    if (process is not null)
                    {
                        await Readiness.ReadableAsync(process.Handle, _stop.Token);
                    }
                }

                await RemovePlan.RemoveAsync(context, id, force: true, NullObserver.Instance, _stop.Token);
                return;
            }
            catch (MicroVmException exception) when (exception.ErrorId == ErrorIds.MicroVmBusy)
            {
                await Task.Delay(s_busyPause, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            catch (MicroVmException exception) when (exception.ErrorId == ErrorIds.MicroVmNotFound)
            {
                return;
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                say($"Ephemeral VM {id} could not be removed: {exception.Message}");
                return;
            }
        }
    }
}
