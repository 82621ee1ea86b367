# Starts what thaws the workload by itself, for a host that dies before it does, and for clones that nobody puts right.
# $1: the workload's cgroup, $2: the guard's, $3: after how many seconds. Exit code 3: no workload of this guest can be frozen.

[ -w "$1/cgroup.freeze" ] && [ -w "$2/cgroup.kill" ] || exit 3
# An agent that somebody started anew from the console is part of the workload, and would freeze with it.
read -r own </proc/self/cgroup
case ${own##*:}/ in
    "${1#/sys/fs/cgroup}"/*) exit 3 ;;
esac

# The last one ends first, so that there is never more than one, however many generations of clones there are.
echo 1 >"$2/cgroup.kill"
echo 0 >"$2/cgroup.procs" || exit 3
(
    sleep "$3"
    echo 0 >"$1/cgroup.freeze"
) </dev/null >/dev/null 2>&1 &
