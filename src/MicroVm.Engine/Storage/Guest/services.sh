#!/bin/sh
# Keeps the guest's services running: each one that this VM has a use for is started again whenever it ends.

. /lib/microvm/contract.conf

# The VM's id, which the firmware gives as the machine's UUID; a clone has been told its own.
if [ ! -e /etc/machine-id ] && read -r uuid 2>/dev/null </sys/class/dmi/id/product_uuid; then
    IFS=-
    set -- $uuid
    unset IFS
    echo "$1$2$3$4$5" >/etc/machine-id
fi

# Runs a command again and again; the pause keeps a service that cannot start from using up the CPU.
keep() {
    while :; do
        "$@"
        sleep 1
    done
}

# The power button: acpid opens every input device when it starts, then writes its pid file.
if [ -e /dev/input/event0 ]; then
    keep acpid -f -l /dev/null -p "$POWER_BUTTON_PID_FILE" &
else
    echo none >"$POWER_BUTTON_PID_FILE"
fi

# The agent, where the host attached its port.
for port in /sys/class/virtio-ports/*; do
    name=
    read -r name 2>/dev/null <"$port/name"
    if [ "$name" = "$AGENT_PORT" ]; then
        keep qemu-ga -m virtio-serial -p "/dev/${port##*/}" -t /run -l /dev/null &
    fi
done

wait
