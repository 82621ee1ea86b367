# Prints what symbolic links point to, with a NUL after each.

for link; do
    # The x keeps line feeds at the end.
    target=$(readlink -n "$link" && echo x) || exit
    printf '%s\000' "${target%x}"
done
