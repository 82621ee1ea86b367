# Becomes a command of the host's: prepares what the agent's guest-exec lacks, then runs it with its output in files that the host reads while they grow.
# What keeps the command from being run is said on the agent's own pipe, as one word after "microvm:".
#
# The arguments: the mark "MICROVM_COMMAND=id", by which the command and all its children are found again; the working directory or ""; the user or "";
# "file" if standard input is a file that the host wrote, or ""; the number of variables; so many NAME=VALUE; the shell for a script, or "" for a program;
# the script or the program; its arguments.

microvm_say() {
    echo "microvm:$1" >&2
    exit 125
}

microvm_files=/run/microvm-commands
umask 077
[ -d "$microvm_files" ] || mkdir -p "$microvm_files" || microvm_say storage
# Of earlier commands, which the host is done with.
for microvm_done in "$microvm_files"/*.done; do
    [ -e "$microvm_done" ] && rm -f "${microvm_done%done}"*
done

microvm_out=$microvm_files/${1#*=}
export "${1?}"
microvm_directory=$2
microvm_user=$3
microvm_input=$4
microvm_variables=$5
shift 5
while [ "$microvm_variables" -gt 0 ]; do
    export "${1?}"
    shift
    microvm_variables=$((microvm_variables - 1))
done
microvm_shell=$1
microvm_text=$2
shift 2

if [ -n "$microvm_directory" ]; then
    cd "$microvm_directory" 2>/dev/null || microvm_say directory
fi
if [ -n "$microvm_user" ]; then
    id -u "$microvm_user" >/dev/null 2>&1 || microvm_say user
fi
command -v "${microvm_shell:-$microvm_text}" >/dev/null 2>&1 || microvm_say program
if [ -n "$microvm_input" ]; then
    exec <"$microvm_out.in" || microvm_say storage
    rm -f "$microvm_out.in"
fi
exec >>"$microvm_out.out" 2>>"$microvm_out.err" || microvm_say storage
umask 022

if [ -n "$microvm_user" ]; then
    if [ -n "$microvm_shell" ]; then
        microvm_shell=$(command -v "$microvm_shell")
        # A busybox that knows its applets gives no path.
        case $microvm_shell in
            /*) ;;
            *) microvm_shell=/bin/$microvm_shell ;;
        esac
        exec su -s "$microvm_shell" -c "$microvm_text" -- "$microvm_user" "$microvm_shell" "$@"
    fi
    exec su -s /bin/sh -c 'exec "$@"' -- "$microvm_user" sh "$microvm_text" "$@"
fi
case $microvm_shell in
    '') exec "$microvm_text" "$@" ;;
    # This shell will do: to start another one takes time.
    sh | /bin/sh) eval "$microvm_text" ;;
    *) exec "$microvm_shell" -c "$microvm_text" "$microvm_shell" "$@" ;;
esac
