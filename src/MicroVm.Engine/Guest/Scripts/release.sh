# Lets a command go on that hold.sh made stand still. The argument: the command's id.

read -r watch <"/run/microvm-commands/$1.watch"
kill "$watch"
read -r group <"/run/microvm-commands/$1.group"
echo 0 >"$group/cgroup.freeze"
