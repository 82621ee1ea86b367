#!/bin/sh
# DHCP by busybox. "start <device>" asks for an address and leaves a process that keeps it, or goes on asking; "once <device>" asks and leaves none.
# udhcpc runs this as well, with the name of what has happened.

say() {
    echo "microvm: $*" >/dev/console
}

ask() {
    device=$1
    shift
    udhcpc -i "$device" -O mtu -x "hostname:$(hostname)" -t 3 -T 1 -s /lib/microvm/dhcp "$@" </dev/null >/dev/null 2>&1
}

case $1 in
    start | once)
        lease=/run/microvm/dhcp-$2.lease
        pid=/run/microvm/dhcp-$2.pid
        read -r process 2>/dev/null <"$pid" && kill "$process" 2>/dev/null
        rm -f "$lease" "$pid"
        if [ "$1" = once ]; then
            ask "$2" -n -q
        else
            ask "$2" -b -A 5 -p "$pid"
        fi
        [ -e "$lease" ] || say "no DHCP server answers on $2"
        ;;
    deconfig) ifconfig "$interface" 0.0.0.0 up ;;
    bound | renew)
        ifconfig "$interface" "$ip" netmask "${subnet:-255.255.255.0}" ${mtu:+mtu "$mtu"} up
        number=${interface##*[!0-9]}
        for gateway in $router; do
            ip route replace default via "$gateway" dev "$interface" onlink metric "${number:-0}"
            break
        done
        if [ -n "$dns" ]; then
            {
                [ -z "$domain" ] || echo "search $domain"
                for server in $dns; do
                    echo "nameserver $server"
                done
            } >"${RESOLV_CONF:-/etc/resolv.conf}"
        fi
        : >"/run/microvm/dhcp-$interface.lease"
        ;;
esac
