# Removes the group that hold.sh made for a command, once the command is gone. The argument: what the paths of its files begin with.

read -r group <"$1.group" && rmdir "$group"
rm -f "$1.group" "$1.watch"
