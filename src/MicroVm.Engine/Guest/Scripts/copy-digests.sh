# Prints the SHA-256 of each file, a line for each.

for file; do
    sha256sum <"$file" || exit
done
