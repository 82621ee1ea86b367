# Removes what an unfinished copy has left.

rm -rf "$1"
