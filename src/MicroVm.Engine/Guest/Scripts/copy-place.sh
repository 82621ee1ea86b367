# Finds the place in the guest that something is copied to, and prints it. $1: the destination. $2: "into" when it is to be a directory, which is then made if
# it is missing. $3: the name that what is copied has inside a directory.

if [ -d "$1" ]; then
    printf %s "${1%/}/$3"
elif [ -n "$2" ]; then
    if [ -e "$1" ]; then
        printf %s "$1"
        exit 42
    fi
    mkdir -p "$1" && printf %s "$1/$3"
else
    parent=${1%/*}
    if [ ! -d "${parent:-/}" ]; then
        printf %s "$parent"
        exit 40
    fi
    printf %s "$1"
fi
