#!/bin/sh
# Runs a scenario and makes, beside this script, the data folder of a Prometheus of its metrics.
set -eu
scenario=${1:?usage: blocks.sh SCENARIO}
scenario=$(cd "$(dirname "$scenario")" && pwd)/$(basename "$scenario")
cd "$(dirname "$0")"
if [ -e data ] && [ ! -e data/made-by-blocks.sh ]; then
    echo "blocks.sh: $PWD/data is none that it made: move it away first" >&2
    exit 2
fi
new=$(mktemp -d ./data.XXXXXX)
trap 'rm -rf "$new"' EXIT
trap 'exit 130' INT TERM
# 1: it ran, and did not come up to what it expects of itself.
windtunnel run "$scenario" --no-plots --openmetrics metrics.txt --scrape-interval 30s || [ $? -eq 1 ]
promtool tsdb create-blocks-from openmetrics metrics.txt "$new"
touch "$new/made-by-blocks.sh"
# The server of the container runs as another user.
chmod -R a+rwX "$new"
rm -rf data
mv "$new" data
