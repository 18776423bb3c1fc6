#!/usr/bin/env bash
# Remakes the pictures of the README from real runs of the tool: the default configuration, ten seeds, every mode.
set -euo pipefail
cd "$(dirname "$0")/../.."
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
dotnet build -c Release src/NormLayers.Cli
for seed in 1 2 3 4 5 6 7 8 9 10; do
    for mode in none layernorm batchnorm; do
        dotnet run -c Release --no-build --project src/NormLayers.Cli -- \
            --mode "$mode" --seed "$seed" --config config.yaml --output "$scratch/$mode-$seed.json" --quiet
    done
done
dotnet run -c Release docs/figures/draw-training.cs -- docs/figures/default-training.svg "$scratch"/*.json
