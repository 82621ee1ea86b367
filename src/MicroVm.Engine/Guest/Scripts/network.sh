# Tells a guest what its network is now. Each line of standard input is about one interface: "set", "renew", "add" or "forget", its hardware address so far, the one it shall have,
# IPv4 address with prefix (or "dhcp") and gateway, the same for IPv6, and name servers; "-" stands for none. To renew leaves all that as it is; to add
# waits for the device and sets it; to forget is about devices that are gone. Exit code 3: there is no ip(8).

command -v ip >/dev/null || exit 3
failed=0

fail() {
    echo "$*" >&2
    failed=1
}

# Only devices count: a bridge or VLAN may have the same hardware address.
find_device() {
    for device in /sys/class/net/*; do
        address=
        [ -e "$device/device" ] && read -r address <"$device/address"
        if [ "$address" = "$1" ] || [ "$address" = "$2" ]; then
            device=${device##*/}
            return
        fi
    done
    return 1
}

# Where no udev does so, drivers are loaded here.
await_device() {
    tries=0
    until find_device "$1" "$1"; do
        [ $tries -lt 200 ] || return 1
        tries=$((tries + 1))
        for alias in /sys/bus/virtio/devices/*/modalias; do
            [ -e "${alias%/*}/driver" ] || { read -r name <"$alias" && modprobe -q "$name"; } 2>/dev/null
        done
        sleep 0.05
    done
}

forget() {
    for file in /run/microvm/dhcp-*.pid; do
        device=${file##*/dhcp-}
        device=${device%.pid}
        [ -e "$file" ] && [ ! -e "/sys/class/net/$device" ] || continue
        read -r process <"$file" && kill "$process" 2>/dev/null
        rm -f "$file" "${file%.pid}.lease"
    done
}

# In the background: the link may be down until this has ended.
ask() {
    if [ -x /lib/microvm/dhcp ]; then
        /lib/microvm/dhcp start "$1" </dev/null >/dev/null 2>&1 &
    elif command -v networkctl >/dev/null; then
        networkctl reconfigure "$1"
    elif command -v dhclient >/dev/null; then
        dhclient -r "$1"
        dhclient -nw "$1"
    else
        fail "nothing in the guest asks for addresses by DHCP"
    fi
}

renew() {
    ip neigh flush dev "$1" >/dev/null 2>&1
    if [ "$2" = dhcp ]; then
        if read -r process 2>/dev/null <"/run/microvm/dhcp-$1.pid"; then
            kill -USR1 "$process"
        elif command -v networkctl >/dev/null; then
            networkctl renew "$1"
        fi
    fi
    echo "$1 has forgotten its neighbours."
}

set_up() {
    number=${device##*[!0-9]}
    ip link set "$device" down && ip link set "$device" address "$mac" || fail "$device does not take $mac"
    ip address flush dev "$device" 2>/dev/null
    [ "$six" = - ] || echo 0 >"/proc/sys/net/ipv6/conf/$device/accept_dad"
    ip link set "$device" up || fail "$device does not come up"
    case $four in
        -) ;;
        dhcp) ask "$device" ;;
        *) ip address add "$four" dev "$device" || fail "$device does not take $four" ;;
    esac
    [ "$six" = - ] || ip -6 address add "$six" dev "$device" || fail "$device does not take $six"
    [ "$gateway" = - ] || ip route add default via "$gateway" dev "$device" onlink metric "${number:-0}" || fail "$device does not reach $gateway"
    [ "$gateway6" = - ] || ip -6 route add default via "$gateway6" dev "$device" onlink metric $((1024 + ${number:-0})) || fail "$device does not reach $gateway6"
    echo "$device has $mac and $four now."
}

tell_servers() {
    case $(readlink /etc/resolv.conf) in
        */systemd/resolve/*)
            resolvectl dns "$@"
            return
            ;;
    esac
    shift
    for server in "$@"; do
        echo "nameserver $server"
    done >/etc/resolv.conf
}

while read -r what former mac four gateway six gateway6 servers; do
    if [ "$what" = forget ]; then
        forget
        case $(readlink /etc/resolv.conf) in
            */systemd/resolve/*) ;;
            *) [ -z "$servers" ] || tell_servers - $servers ;;
        esac
    elif [ "$what" = add ] && ! await_device "$mac"; then
        fail "no interface with $mac has come"
    elif ! find_device "$former" "$mac"; then
        fail "there is no interface with $former"
    elif [ "$what" = renew ]; then
        renew "$device" "$four"
    else
        set_up
        [ -z "$servers" ] || tell_servers "$device" $servers || fail "the name servers cannot be told"
    fi
done
exit $failed
