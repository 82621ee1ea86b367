#!/usr/bin/env bash
# From a machine with git and the .NET 10 SDK: gets what is missing and can be had, then builds, tests or shows MicroVm.
# Where pwsh cannot be had, the parts that need none still run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
exec </dev/null

readonly tools="$PWD/artifacts/tools"
readonly powershell_version='7.6.*'
export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 POWERSHELL_TELEMETRY_OPTOUT=1 POWERSHELL_UPDATECHECK=Off

usage() {
    cat <<'TEXT'
usage: ./build.sh [build|test|bench|docs|package|demo|soak] [arguments of build.ps1]
TEXT
}

say() {
    printf '%s\n' "$*" >&2
}

have() {
    command -v "$1" >/dev/null 2>&1
}

# Packages of the system, where this user may install them.
install_packages() {
    if [ "$(id -u)" -ne 0 ] || ! have apt-get; then
        return 1
    fi

    DEBIAN_FRONTEND=noninteractive timeout 300 apt-get -q -y --no-install-recommends install "$@" >&2 && return
    DEBIAN_FRONTEND=noninteractive timeout 120 apt-get -q update >&2 || true
    DEBIAN_FRONTEND=noninteractive timeout 300 apt-get -q -y --no-install-recommends install "$@" >&2
}

# What VMs and the making of their image run: program, then the Debian package that has it.
ensure_host_tools() {
    local program package
    local -a missing=()
    while read -r program package; do
        have "$program" || missing+=("$package")
    done <<'TABLE'
qemu-system-x86_64 qemu-system-x86
xz xz-utils
zstd zstd
mke2fs e2fsprogs
TABLE
    if [ "${#missing[@]}" -gt 0 ]; then
        say "Missing: ${missing[*]}."
        install_packages "${missing[@]}" || say "They could not be installed: what needs them will fail or be left out."
    fi
}

is_recent() {
    # shellcheck disable=SC2016
    timeout 60 "$1" -NoProfile -NonInteractive -Command 'if ($PSVersionTable.PSVersion -lt [semver]"7.6.0-preview.1") { exit 1 }' >/dev/null 2>&1
}

# Prints the path of a pwsh that is recent enough; gets one if there is none.
find_pwsh() {
    local candidate
    for candidate in pwsh "$tools/pwsh"; do
        if have "$candidate" && is_recent "$candidate"; then
            command -v "$candidate"
            return
        fi
    done

    say "PowerShell 7.6 is missing: trying the .NET tool."
    if timeout 300 dotnet tool install PowerShell --version "$powershell_version" --tool-path "$tools" >&2 && is_recent "$tools/pwsh"; then
        printf '%s\n' "$tools/pwsh"
        return
    fi

    say "PowerShell as a .NET tool cannot be had: trying the packages of packages.microsoft.com."
    if install_pwsh_package && is_recent pwsh; then
        command -v pwsh
        return
    fi

    return 1
}

install_pwsh_package() {
    local repository
    repository="$(mktemp --suffix=.deb)"
    # shellcheck disable=SC1091
    if [ "$(id -u)" -eq 0 ] && have apt-get && have curl \
        && curl -fsSL --max-time 60 -o "$repository" "$(. /etc/os-release && printf 'https://packages.microsoft.com/config/%s/%s/packages-microsoft-prod.deb' "$ID" "$VERSION_ID")" \
        && dpkg -i "$repository" >&2; then
        rm -f "$repository"
        install_packages powershell
        return
    fi

    rm -f "$repository"
    return 1
}

test_without_pwsh() {
    local project failed=0
    for project in tests/*.Tests/*.csproj; do
        dotnet test "$project" -c Release -nologo -tl:off --filter "Category!=Soak" --blame-hang-timeout 4m --blame-hang-dump-type none \
            --results-directory artifacts/test-results || failed=1
    done

    say "Not run for want of pwsh: the Pester suite (tests/*.Tests.ps1); tests of MicroVm.Commands.Tests that need it count as skipped."
    return "$failed"
}

main() {
    local task="${1:-build}" pwsh
    shift || true
    case "$task" in
        build | test | bench | docs | package | demo | soak) ;;
        *)
            usage >&2
            return 2
            ;;
    esac

    if ! have dotnet; then
        say "The .NET 10 SDK is missing: see https://dotnet.microsoft.com/download."
        return 1
    fi

    ensure_host_tools
    if pwsh="$(find_pwsh)"; then
        # For the tests that ask for it by name.
        PATH="$(dirname "$pwsh"):$PATH"
        exec "$pwsh" -NoProfile -NonInteractive -File build.ps1 "$task" "$@"
    fi

    say "PowerShell 7.6 cannot be had on this machine: going on with what needs none."
    case "$task" in
        build) dotnet build MicroVm.slnx -c Release -nologo -tl:off ;;
        test) test_without_pwsh ;;
        bench) dotnet run --project bench/MicroVm.Bench -c Release -- "$@" ;;
        demo) dotnet run --project samples/Lifecycle -c Release -- "$@" ;;
        *)
            say "'$task' needs PowerShell."
            return 1
            ;;
    esac
}

main "$@"
