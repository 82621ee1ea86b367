# Puts files that wait in $2, in the directory $1, under the numbers from 0 on, into their places in $1, which ends in a slash: the names from $4 on. $3 has a
# line for each with its digest, as sha256sum reads it. The standard input says what modes and times they get, for several at once: a process takes longer
# than what it does.

cd "$1$2" || exit
directory=$1
staging=$2
printf %s "$3" | sha256sum -c >/dev/null || exit 44
shift 3
while read -r what value files; do
    # What is left to be split here are numbers.
    case $what in
        mode) chmod "$value" $files ;;
        time) touch -d "@$value" $files ;;
    esac || exit
done
number=0
for name; do
    # An mv into a directory that has appeared since would succeed.
    if [ -d "../$name" ]; then
        printf %s "$directory$name"
        exit 41
    fi
    mv -f "$number" "../$name" || exit
    number=$((number + 1))
done
cd .. && rmdir "$staging"
