# Makes symbolic links: $2 points to $1, and so on. What is there already is replaced if it is a file or a link.

while [ $# -gt 0 ]; do
    if [ ! -L "$2" ]; then
        if [ -d "$2" ]; then
            printf %s "$2"
            exit 41
        fi
        if [ -e "$2" ] && [ ! -f "$2" ]; then
            printf %s "$2"
            exit 45
        fi
    fi
    ln -sfn -- "$1" "$2" || exit
    shift 2
done
