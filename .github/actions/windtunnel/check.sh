#!/usr/bin/env bash
# The action's one step: `windtunnel check` with the inputs of action.yml, which come as WINDTUNNEL_… variables.
# Inputs are data: none is evaluated as shell, and each reaches the program as an argument of its own.
set -uo pipefail

shopt -s nullglob
scenarios=()
# Split at blanks and lines; what holds a pattern becomes the files that match it.
for word in ${WINDTUNNEL_SCENARIOS:-}; do
  scenarios+=("$word")
done
if [ ${#scenarios[@]} -eq 0 ]; then
  echo "::error::no scenario: \`scenarios: ${WINDTUNNEL_SCENARIOS:-}\` matches no file"
  [ -n "${GITHUB_OUTPUT:-}" ] && printf 'passed=false\nexit-code=2\n' >> "$GITHUB_OUTPUT"
  exit 2
fi

arguments=(--github)
add() { if [ -n "$2" ]; then arguments+=("$1" "$2"); fi; }
add --seeds "${WINDTUNNEL_SEEDS:-}"
add --baseline "${WINDTUNNEL_BASELINE:-}"
add --save-baseline "${WINDTUNNEL_SAVE_BASELINE:-}"
add --baseline-dir "${WINDTUNNEL_BASELINE_DIR:-}"
add --junit "${WINDTUNNEL_JUNIT:-}"
add --markdown "${WINDTUNNEL_MARKDOWN:-}"
if [ "${WINDTUNNEL_STRICT:-false}" = true ]; then arguments+=(--strict); fi
set -f
for file in ${WINDTUNNEL_VALUES:-}; do add --values "$file"; done
set +f

"${WINDTUNNEL_BINARY:-windtunnel}" check "${arguments[@]}" -- "${scenarios[@]}"
code=$?

if [ -n "${WINDTUNNEL_MARKDOWN:-}" ] && [ -f "$WINDTUNNEL_MARKDOWN" ] && [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then
  cat "$WINDTUNNEL_MARKDOWN" >> "$GITHUB_STEP_SUMMARY"
fi
if [ -n "${GITHUB_OUTPUT:-}" ]; then
  if [ "$code" -eq 0 ]; then passed=true; else passed=false; fi
  printf 'passed=%s\nexit-code=%s\n' "$passed" "$code" >> "$GITHUB_OUTPUT"
fi
exit "$code"
