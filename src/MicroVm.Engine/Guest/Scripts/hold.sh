# Makes a command stand still, all its processes at once, so that the host can empty its output files. The arguments: as for members.sh, and the process the
# agent started. Without control groups of version 2 this cannot be done for certain, and is not tried: exit code 3.

root=/sys/fs/cgroup
[ -e $root/cgroup.controllers ] || exit 3
group=$(cat "$2.group" 2>/dev/null)
if [ -z "$group" ]; then
    # Below where it is, so that whoever holds that group holds this one as well.
    above=$(sed -n 's/^0:://p' "/proc/$3/cgroup" 2>/dev/null)
    [ -n "$above" ] || exit 3
    group=$root${above%/}/microvm-$1
    mkdir "$group" || exit 3
    echo "$group" >"$2.group"
fi

# Until nobody is left outside: a child that is born meanwhile is born inside.
tries=0
while [ "$tries" -lt 50 ]; do
    outside=
    for pid in $(members "$1" "$2"); do
        grep -q "/microvm-$1\$" "/proc/$pid/cgroup" 2>/dev/null && continue
        echo "$pid" >"$group/cgroup.procs" 2>/dev/null && outside=1
    done
    [ -z "$outside" ] && break
    tries=$((tries + 1))
done
echo 1 >"$group/cgroup.freeze" || exit 3
tries=0
until grep -q '^frozen 1' "$group/cgroup.events"; do
    # One that waits for a device cannot be made to stand still.
    if [ "$tries" -eq 500 ]; then
        echo 0 >"$group/cgroup.freeze"
        exit 3
    fi
    tries=$((tries + 1))
    sleep 0.01 2>/dev/null || sleep 1
done

# Should the host never come back, the command goes on after a minute; if it holds it for longer, it says so again.
[ -e "$2.watch" ] && read -r watch <"$2.watch" && kill "$watch" 2>/dev/null
(
    trap 'kill "$sleep"; exit' TERM
    sleep 60 &
    sleep=$!
    wait "$sleep"
    echo 0 >"$group/cgroup.freeze"
) >/dev/null 2>&1 </dev/null &
echo $! >"$2.watch"
