# Mixes standard input into the kernel's random numbers and forces a reseed by an ioctl, $1, which no tool of the shell can. Exit code 3: mixed in, but not
# forced.

cat >/dev/urandom || exit 1
perl -e 'open(my $device, ">", "/dev/urandom") && ioctl($device, $ARGV[0] + 0, 0) or exit 1' "$1" 2>/dev/null ||
    python3 -c 'import fcntl, sys; fcntl.ioctl(open("/dev/urandom", "wb", 0), int(sys.argv[1]))' "$1" 2>/dev/null ||
    exit 3
