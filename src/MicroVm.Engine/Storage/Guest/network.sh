# Read by init when the kernel's command line has words of the network: the kernel's own ip=<client>:<server>:<gateway>:<netmask>:<host>:<device>:<how>:<dns>:<dns>
# (IPv6 addresses in brackets, the prefix's length for the netmask, as dracut has it), one for each interface and each family, and nameserver=<address>.
# What goes wrong is said, and the guest goes on.

nameservers=
more_nameservers=
dhcp_devices=
# Of the interface the last words were about; words that follow each other and are about the same one cost one process less.
device=
addresses=
gateway=
gateway6=

say() {
    echo "microvm: $*" >/dev/console
}

# Brings up the interface. Gateways may be outside of its prefix. Where several have one, the first interface's is preferred.
finish_device() {
    [ -n "$device" ] || return
    # Not quoted, for these are words.
    ifconfig "$device" $addresses up || say "cannot give $device its address: $addresses"
    number=${device##*[!0-9]}
    if [ -n "$gateway" ]; then
        ip route add default via "$gateway" dev "$device" onlink metric "${number:-0}" || say "cannot reach the gateway $gateway by $device"
    fi
    if [ -n "$gateway6" ]; then
        ip -6 route add default via "$gateway6" dev "$device" onlink metric $((1024 + ${number:-0})) || say "cannot reach the gateway $gateway6 by $device"
    fi
    device=
    addresses=
    gateway=
    gateway6=
}

# Takes the fields of one word.
take_word() {
    [ $# -gt 1 ] || set -- '' '' '' '' '' '' "$1"
    method=$7
    case ${1#0.0.0.0}:$method in
        ?*:dhcp | ?*:on | ?*:any | ?*:both) method=off ;;
        *:dhcp | *:on | *:any | *:both) method=dhcp ;;
        :*) return ;;
    esac
    if [ "${6:-eth0}" != "$device" ]; then
        finish_device
        device=${6:-eth0}
        if [ ! -e "/sys/class/net/$device" ]; then
            say "there is no network interface $device"
            device=
            return
        fi
    fi
    case $method:$1 in
        dhcp:*) dhcp_devices="$dhcp_devices $device" ;;
        *:*:*)
            # An address nobody else has: else the kernel listens for a second first whether it is in use.
            echo 0 >"/proc/sys/net/ipv6/conf/$device/accept_dad"
            if [ -n "$3" ]; then
                gateway6=$3
                echo 0 >"/proc/sys/net/ipv6/conf/$device/accept_ra"
            fi
            addresses="$addresses add $1/${4:-64}"
            ;;
        *)
            [ "$3" = 0.0.0.0 ] || gateway=$3
            addresses="$1${4:+ netmask $4} $addresses"
            ;;
    esac
    for server in "$8" "$9"; do
        case $server in
            0.0.0.0) ;;
            *[.:]*) nameservers="$nameservers $server" ;;
        esac
    done
}

# Writes resolv.conf(5) into the root at $1. A link leads to what a service of that root makes: systemd-resolved is told in its own way, for others the file
# is there already. /run goes along into that root.
write_nameservers() {
    [ -n "$nameservers" ] || return
    file=$1/etc/resolv.conf
    if [ -L "$file" ]; then
        target=$(readlink "$file")
        case $target in
            */systemd/resolve/*)
                mkdir -p /run/systemd/resolved.conf.d
                printf '[Resolve]\nDNS=%s\n' "${nameservers# }" >/run/systemd/resolved.conf.d/microvm.conf
                return
                ;;
            *run/*)
                file=/run/${target#*run/}
                mkdir -p "${file%/*}"
                ;;
        esac
    fi
    for server in $nameservers; do
        echo "nameserver $server"
    done >"$file" || say "cannot write the name servers to $file"
}

for word in $command_line; do
    case $word in
        nameserver=*) more_nameservers="$more_nameservers ${word#*=}" ;;
        ip=*)
            rest=${word#ip=}:
            set --
            while [ -n "$rest" ]; do
                case $rest in
                    '['*']:'*)
                        field=${rest#?}
                        set -- "$@" "${field%%]*}"
                        rest=${rest#*]:}
                        ;;
                    *)
                        set -- "$@" "${rest%%:*}"
                        rest=${rest#*:}
                        ;;
                esac
            done
            take_word "$@"
            ;;
    esac
done
finish_device
nameservers=$nameservers$more_nameservers
[ -z "$dhcp_devices" ] && return
mkdir -p /run/microvm
if [ -n "$root_wanted" ]; then
    # That root has no process of ours: it is asked once, before.
    for device in $dhcp_devices; do
        RESOLV_CONF=/run/microvm/dhcp.conf /lib/microvm/dhcp once "$device"
    done
    while read -r word server; do
        [ "$word" = nameserver ] && nameservers="$nameservers $server"
    done 2>/dev/null </run/microvm/dhcp.conf
else
    echo "$dhcp_devices" >/run/microvm/dhcp
fi
