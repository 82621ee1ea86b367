# Looks whether files may come into the directory $1 under the names from $4 on, and makes $2 in it: a directory that nobody else may enter, where they wait
# until they are whole. $3 is "force" when they may replace files that nobody may write. $1 ends in a slash. Prints the path that is in the way.

cd "$1" || exit
directory=$1
staging=$2
force=$3
shift 3
for name; do
    place=./$name
    if [ -d "$place" ]; then
        printf %s "$directory$name"
        exit 41
    fi
    if [ -L "$place" ] || [ ! -e "$place" ]; then
        continue
    fi
    if [ ! -f "$place" ]; then
        printf %s "$directory$name"
        exit 45
    fi
    if [ -z "$force" ]; then
        case $(stat -c %A "$place") in
            *w*) ;;
            *)
                printf %s "$directory$name"
                exit 43
                ;;
        esac
    fi
done
mkdir -m 700 "$staging"
