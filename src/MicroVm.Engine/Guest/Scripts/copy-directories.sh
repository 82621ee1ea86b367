# Makes directories that are not there yet: $1 is the mode of $2, and so on.

while [ $# -gt 0 ]; do
    [ -d "$2" ] || mkdir -m "$1" "$2" || exit
    shift 2
done
