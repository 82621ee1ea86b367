# The processes of a command: those that carry its mark, those that have its output open, and all that descend from them. One that cleared its environment is
# found by its parents, one whose parents are gone by its output. The arguments: the command's id, and what the paths of its files begin with.

# The mark is written so that the programs that look for it do not find themselves.
members() {
    {
        grep -l "[M]ICROVM_COMMAND=$1" /proc/[0-9]*/environ /proc/[0-9]*/cmdline
        ls -l /proc/[0-9]*/fd
        grep -e '^State:' -e '^PPid:' /proc/[0-9]*/status
    } 2>/dev/null | awk -v agent="$PPID" -v file="/microvm-commands/${2##*/}." '
        /^\/proc\/[0-9]+\/(environ|cmdline)$/ { split($0, part, "/"); member[part[3]]; next }
        /^\/proc\/[0-9]+\/fd:$/ { split($0, part, "/"); pid = part[3]; next }
        /^\/proc\/[0-9]+\/status:State:/ { split($0, part, "/"); if ($2 == "Z") dead[part[3]]; next }
        /^\/proc\/[0-9]+\/status:PPid:/ { split($0, part, "/"); parent[part[3]] = $2; next }
        index($0, file) { member[pid] }
        END {
            # It reads the output.
            delete member[agent]
            do {
                grown = 0
                for (pid in parent) if (!(pid in member) && (parent[pid] in member)) { member[pid]; grown = 1 }
            } while (grown)
            for (pid in member) if ((pid in parent) && !(pid in dead)) print pid
        }'
}
