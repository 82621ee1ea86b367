#!/bin/sh
# The serial console: a root shell without a login, for the host owns this guest anyway. The first one of a boot says that the guest is ready,
# once the power button is listened to, so that a host that read the line may stop the guest at once.

. /lib/microvm/contract.conf

# What is started here is the workload.
[ -e "$WORKLOAD_CGROUP" ] && echo 0 >"$WORKLOAD_CGROUP/cgroup.procs"
if [ ! -e /run/microvm/ready ]; then
    while [ ! -s "$POWER_BUTTON_PID_FILE" ]; do
        usleep 2000
    done
    : >/run/microvm/ready
    echo "$READY_MARKER"
fi
cd /root || cd /
exec sh -l
