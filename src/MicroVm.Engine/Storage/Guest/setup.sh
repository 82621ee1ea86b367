#!/bin/sh
# Runs once, before anything else of the base image: what belongs to this VM rather than to the image.

. /lib/microvm/contract.conf

config_wanted=
read -r command_line </proc/cmdline
for word in $command_line; do
    case $word in
        microvm.hostname=*) hostname "${word#microvm.hostname=}" ;;
        microvm.config=1) config_wanted=1 ;;
    esac
done
mkdir -p /dev/pts /dev/shm /run/microvm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
ifconfig lo up
if read -r devices 2>/dev/null </run/microvm/dhcp; then
    for device in $devices; do
        /lib/microvm/dhcp start "$device" &
    done
    wait
fi
# What runs on the user's behalf has a cgroup of its own, so that the host can freeze it while it takes a snapshot, and thaw it once a restored guest has
# been put right. Each command moves there: without favordynmods (Linux 6.0) the kernel takes some 20 ms to move a process.
options=nosuid,nodev,noexec
{ mount -t cgroup2 -o $options,favordynmods cgroup2 /sys/fs/cgroup || mount -t cgroup2 -o $options cgroup2 /sys/fs/cgroup; } 2>/dev/null &&
    mkdir "$WORKLOAD_CGROUP" "$GUARD_CGROUP"
[ -z "$config_wanted" ] || /lib/microvm/configure
