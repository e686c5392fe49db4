#!/bin/sh
# Runs a scenario and makes the data folder of a Prometheus of its metrics.
set -eu
scenario=${1:?usage: blocks.sh SCENARIO}
rm -rf data
windtunnel run "$scenario" --no-plots --out results --force --openmetrics metrics.txt --scrape-interval 30s
promtool tsdb create-blocks-from openmetrics metrics.txt data
# The server of the container runs as another user.
chmod -R a+rwX data
