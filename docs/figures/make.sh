#!/usr/bin/env bash
# Remakes the pictures of the README with the tool's own commands. The same commands give the same bytes.
set -euo pipefail
cd "$(dirname "$0")/../.."
normlayers() { dotnet run -c Release --project src/NormLayers.Cli -- "$@"; }
normlayers compare --svg docs/figures/default-training.svg
