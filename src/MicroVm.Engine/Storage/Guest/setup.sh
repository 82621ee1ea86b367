#!/bin/sh
# Runs once, before anything else of the base image: what belongs to this VM rather than to the image.

read -r command_line </proc/cmdline
for word in $command_line; do
    case $word in
        microvm.hostname=*) hostname "${word#microvm.hostname=}" ;;
    esac
done
mkdir -p /dev/pts /dev/shm /run/microvm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
ifconfig lo up
