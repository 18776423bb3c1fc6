#!/usr/bin/env bash
# Builds the benchmarks and runs them: benchmarks/run.sh run --quick, benchmarks/run.sh tables FILE …
# TorchSharp needs a C++ library of 2023 or later (GLIBCXX_3.4.32). Where the system's is older and the system is Debian,
# that of Debian 13 is fetched into a cache folder; nothing is installed. Elsewhere, NORMLAYERS_BENCH_LIBRARIES names a
# folder that has it together with its libc and loader.
set -euo pipefail
cd "$(dirname "$0")/.."
project=benchmarks/NormLayers.Benchmarks
program=$project/bin/Release/net10.0/linux-x64

dotnet build -c Release "$project" --verbosity quiet -nodeReuse:false

provides() { grep -qa GLIBCXX_3.4.32 "$1" 2>/dev/null; }

fetch_debian_libraries() {
    local cache="$1" source options
    mkdir -p "$cache/lists/partial" "$cache/parts" "$cache/packages"
    source=$(awk '/^URIs:/ { print $2; exit }' /etc/apt/sources.list.d/debian.sources)
    printf 'Types: deb\nURIs: %s\nSuites: trixie\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n' \
        "$source" > "$cache/parts/trixie.sources"
    options=(-o "Dir::State::Lists=$cache/lists" -o Dir::Etc::SourceList=/dev/null -o "Dir::Etc::SourceParts=$cache/parts")
    apt-get "${options[@]}" update >&2
    (cd "$cache/packages" && apt-get "${options[@]}" download libc6 libstdc++6 libgcc-s1 >&2)
    for package in "$cache"/packages/*.deb; do dpkg -x "$package" "$cache"; done
}

system_library=$(/sbin/ldconfig -p | awk '!found && /libstdc\+\+\.so\.6 .*x86-64/ { print $NF; found = 1 }')
if [ -z "${NORMLAYERS_BENCH_LIBRARIES:-}" ] && ! provides "$system_library" && [ -e /etc/apt/sources.list.d/debian.sources ]; then
    cache="${XDG_CACHE_HOME:-$HOME/.cache}/normlayers-benchmarks"
    NORMLAYERS_BENCH_LIBRARIES="$cache/usr/lib/x86_64-linux-gnu"
    provides "$NORMLAYERS_BENCH_LIBRARIES/libstdc++.so.6" || fetch_debian_libraries "$cache"
fi

if [ -n "${NORMLAYERS_BENCH_LIBRARIES:-}" ]; then
    export NORMLAYERS_BENCH_LIBRARIES
    # A program that is started through a loader finds its files beside the loader.
    cp "$NORMLAYERS_BENCH_LIBRARIES/ld-linux-x86-64.so.2" "$program/"
fi

# The system's Python may not be the first one.
for python in "${NORMLAYERS_BENCH_PYTHON:-python3}" /usr/bin/python3; do
    if "$python" -c 'import numpy' 2>/dev/null; then
        export NORMLAYERS_BENCH_PYTHON="$python"
        break
    fi
done

export DOTNET_ROOT="${DOTNET_ROOT:-$(dirname "$(readlink -f "$(command -v dotnet)")")}"
export NORMLAYERS_BENCH_SCRIPT=1
exec "$program/NormLayers.Benchmarks" "$@"
