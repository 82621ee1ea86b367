# Lists the file or the tree $1, with links inside of it as links; at most $2 bytes. $3 is "all" to list what is in a directory, too. For each entry: its path
# from $1 on, "//", which no such path has in it, then its mode in hexadecimal, its size and its time of change, and a line feed. A "!" at the end says that
# the list has gaps.

format='%n//%f %s %Y'
if [ ! -e "$1" ]; then
    exit 40
elif [ ! -d "$1" ]; then
    cd "${1%/*}/" || exit
    stat -L -c ".${format#%n}" "./${1##*/}"
elif [ -z "$3" ]; then
    cd "$1" && stat -c "$format" .
else
    cd "$1" || exit
    { find . -exec stat -c "$format" {} + || printf '!'; } | head -c "$2"
fi
