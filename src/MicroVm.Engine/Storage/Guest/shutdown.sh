#!/bin/sh
# Stops the guest: /sbin/poweroff, reboot, halt and shutdown are links to it, acpid runs it for the power button, and init runs it as "stop", to
# do the rest itself. Every process is asked to end and given a moment, then file systems are written back and made read-only.

action=poweroff
case ${0##*/} in
    reboot | halt) action=${0##*/} ;;
esac
for argument in "$@"; do
    case $argument in
        -r) action=reboot ;;
        -H) action=halt ;;
        -P | -h) action=poweroff ;;
        -f) exec busybox "$action" -f ;;
        stop) action=stop ;;
    esac
done

# Whether a process other than init, this one and the kernel's threads (which have no program file) is still there.
others_run() {
    for process in /proc/[0-9]*; do
        case ${process##*/} in
            1 | "$$") ;;
            *) [ -e "$process/exe" ] && return 0 ;;
        esac
    done
    return 1
}

trap '' TERM HUP
# A stopped init starts nothing again while its children end.
kill -TSTP 1
kill -TERM -1
# Interactive shells ignore TERM.
kill -HUP -1
tries=0
while others_run && [ "$tries" -lt 200 ]; do
    usleep 10000
    tries=$((tries + 1))
done
kill -KILL -1
sync
mount -o remount,ro / 2>/dev/null
mount -o remount,ro /run/microvm/overlay 2>/dev/null
if [ "$action" = stop ]; then
    kill -CONT 1
    exit
fi
exec busybox "$action" -f
