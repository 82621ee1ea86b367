#!/bin/sh
# Runs once, before anything else of the base image: what belongs to this VM rather than to the image.

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
[ -z "$config_wanted" ] || /lib/microvm/configure
