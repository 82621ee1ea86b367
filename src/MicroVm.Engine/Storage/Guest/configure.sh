#!/bin/sh
# What the configuration disk says of this VM; init has mounted it. The file meta-data is YAML, but the host writes it so that lines will do. As
# with cloud-init, keys and user data count once per instance, which the VM's own disk remembers: marked before, so that what is cut short is not done
# twice. The host name is on the kernel's command line as well, and is a clone's own there.

. /lib/microvm/contract.conf

say() {
    echo "microvm: $*" >/dev/console
}

# In the background, for user data may take its time or never end; the guest is ready without it.
run_user_data() {
    [ -e "$WORKLOAD_CGROUP" ] && echo 0 >"$WORKLOAD_CGROUP/cgroup.procs"
    cd /
    HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$1" </dev/null >/var/log/user-data.log 2>&1
    code=$?
    if [ $code -eq 0 ]; then
        say "user data is done"
    else
        say "user data failed with exit code $code; /var/log/user-data.log has its words"
    fi
}

instance=
keys=
while IFS= read -r line; do
    case $line in
        'instance-id: '*) instance=${line#*: } ;;
        '  '*) keys="$keys${line#  }
" ;;
    esac
done <"$CONFIG_DIRECTORY/meta-data"

state=/var/lib/microvm/instances/$instance
if [ ! -d "$state" ]; then
    umask 077
    mkdir -p "$state" /var/log
    if [ -n "$keys" ]; then
        mkdir -p /root/.ssh
        printf %s "$keys" >>/root/.ssh/authorized_keys
    fi
    first=
    read -r first <"$CONFIG_DIRECTORY/user-data"
    case $first in
        '#!'*)
            cp "$CONFIG_DIRECTORY/user-data" "$state/user-data"
            chmod 700 "$state/user-data"
            umask 022
            run_user_data "$state/user-data" &
            ;;
        '') ;;
        *) say "the user data is not a script that begins with #!, and there is no cloud-init here: nothing is done with it" ;;
    esac
fi
umount "$CONFIG_DIRECTORY"
