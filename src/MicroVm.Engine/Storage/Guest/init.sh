#!/bin/sh
# The first process of the guest, run by busybox from the initramfs. It finds the disks the host attached, stacks them into one writable root that
# keeps its changes, and hands over to that root's own init. What it relies on is in contract.conf, which the host writes from the same constants.
# A word on speed: under emulation every process costs milliseconds, so builtins are preferred and programs get all their work in one run.

export PATH=/sbin:/bin:/usr/sbin:/usr/bin
. /lib/microvm/contract.conf

# Says on the console what is wrong and ends the VM: a guest without its root has nothing better to do, and the host sees the exit.
fail() {
    echo "microvm: $*; powering off" >/dev/console
    poweroff -f
}

# Prints the device file of the virtio disk with serial number $1, waiting until the guest is DISK_WAIT_SECONDS old for it. Disks are normally there
# at once.
find_disk() {
    age=0
    while [ "${age%%.*}" -lt "$DISK_WAIT_SECONDS" ]; do
        for disk in /sys/block/vd*; do
            serial=
            read -r serial 2>/dev/null <"$disk/serial"
            if [ "$serial" = "$1" ]; then
                echo "/dev/${disk##*/}"
                return
            fi
        done
        usleep 5000
        read -r age _ </proc/uptime
    done
    return 1
}

mount -a || fail "cannot mount /proc, /sys, /dev and /run"

overlay_wanted=
root_wanted=
config_wanted=
network_wanted=
init=
read -r command_line </proc/cmdline
for word in $command_line; do
    case $word in
        microvm.overlay=1) overlay_wanted=1 ;;
        microvm.root=1) root_wanted=1 ;;
        microvm.config=1) config_wanted=1 ;;
        ip=*) network_wanted=1 ;;
        init=*) init=${word#init=} ;;
    esac
done

# The bus first, then the drivers of whatever is on it, by the names the kernel gives the devices.
bus=virtio_mmio
for device in /sys/bus/pci/devices/*; do
    [ -e "$device" ] && bus=virtio_pci
    break
done
stack=
[ -n "$overlay_wanted$root_wanted" ] && stack=overlay
# Also for a root on a disk, whose cloud-init may have no modules for this kernel.
iso=
[ -n "$config_wanted" ] && iso=isofs
modprobe -qa $bus button evdev $stack $iso
set --
for device in /sys/bus/virtio/devices/*/modalias; do
    read -r alias 2>/dev/null <"$device" && set -- "$@" "$alias"
done
[ $# -gt 0 ] && modprobe -qa "$@"

if [ -n "$config_wanted" ] && [ -z "$root_wanted" ]; then
    disk=$(find_disk "$CONFIG_SERIAL") || fail "no disk with serial $CONFIG_SERIAL appeared in $DISK_WAIT_SECONDS seconds"
    mkdir -p "$CONFIG_DIRECTORY"
    mount -t iso9660 -o ro "$disk" "$CONFIG_DIRECTORY" || fail "cannot mount $disk ($CONFIG_SERIAL) as iso9660"
fi

[ -z "$network_wanted" ] || . /lib/microvm/network

if [ -z "$stack" ]; then
    [ -z "$network_wanted" ] || write_nameservers ''
    exec "${init:-/sbin/init}"
fi

mkdir -p /run/microvm/overlay /run/microvm/lower

lower=/
if [ -n "$root_wanted" ]; then
    disk=$(find_disk "$ROOT_SERIAL") || fail "no disk with serial $ROOT_SERIAL appeared in $DISK_WAIT_SECONDS seconds"
    lower=/run/microvm/lower
    for type in squashfs erofs ext4; do
        mount -t $type -o ro "$disk" $lower 2>/dev/null && break
        type=
    done
    [ -n "$type" ] || fail "$disk ($ROOT_SERIAL) is not a squashfs, erofs or ext4 file system"
fi

if [ -n "$overlay_wanted" ]; then
    disk=$(find_disk "$OVERLAY_SERIAL") || fail "no disk with serial $OVERLAY_SERIAL appeared in $DISK_WAIT_SECONDS seconds"
    # The host's template is sparse: initialising its unused inode tables would only fill the host's disk with zeros.
    mount -t ext4 -o noatime,noinit_itable "$disk" /run/microvm/overlay || fail "cannot mount $disk ($OVERLAY_SERIAL) as ext4"
else
    mount -t tmpfs -o mode=755 tmpfs /run/microvm/overlay
fi

[ -d /run/microvm/overlay/work ] || mkdir /run/microvm/overlay/upper /run/microvm/overlay/work
mount -t overlay -o "lowerdir=$lower,upperdir=/run/microvm/overlay/upper,workdir=/run/microvm/overlay/work" overlay /mnt ||
    fail "cannot stack the overlay on $lower"

for candidate in ${init:-/sbin/init /etc/init /bin/init}; do
    # A link counts without its target: an absolute one only resolves once this is the root.
    if [ -x "/mnt$candidate" ] || [ -L "/mnt$candidate" ]; then
        init=$candidate
        break
    fi
    init=
done
[ -n "$init" ] || fail "the root file system has no $candidate"

[ -z "$network_wanted" ] || write_nameservers /mnt

for directory in proc sys dev run; do
    [ -d /mnt/$directory ] || mkdir /mnt/$directory
    mount --move /$directory /mnt/$directory
done

if [ -n "$root_wanted" ]; then
    exec switch_root /mnt "$init"
fi

# Here the initramfs is the lower layer, so nothing may delete its files as switch_root does: it is only covered by the new root.
cd /mnt || exit
mount --move . /
exec chroot . "$init"
