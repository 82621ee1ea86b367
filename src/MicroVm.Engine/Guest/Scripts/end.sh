# Ends a command with all its processes: they are asked, given two seconds, and killed. The arguments as for members.sh.

group=$(cat "$2.group" 2>/dev/null)
[ -n "$group" ] && echo 0 >"$group/cgroup.freeze"
signal=TERM
tries=0
while [ "$tries" -lt 200 ]; do
    pids=$(members "$1" "$2")
    [ -n "$pids" ] || break
    [ "$tries" -ge 40 ] && signal=KILL
    if [ "$tries" -eq 0 ] || [ "$signal" = KILL ]; then
        # shellcheck disable=SC2086 # Several.
        kill -$signal $pids 2>/dev/null
    fi
    tries=$((tries + 1))
    sleep 0.05 2>/dev/null || sleep 1
done
[ -z "$pids" ]
