#!/usr/bin/env bash
# How the answers grow with the store: a column for each size, medians.
#
#   benches/growth.sh [ROUNDS] [RUNS...]    default: 15 rounds, 1000 10000 50000 200000 runs
#
# All stores have the same hundred projects. Their runs have one task each (10 inodes and 30 KiB), because 200,000 runs of
# twelve would be 15 million inodes; the answers do not read tasks but those of the one run that `info` shows. The same
# questions on catalogs with twelve tasks a run, without files: cargo bench --bench queries.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release --quiet
# shellcheck source=benches/measure.bash
source benches/measure.bash
rounds=${1:-15}
[ $# -gt 0 ] && shift
sizes=("$@")
[ ${#sizes[@]} -gt 0 ] || sizes=(1000 10000 50000 200000)

names=("index" "list --limit 20" "list --sort size --limit 20" "info latest" "usage" "history --limit 20" "stats"
  "clean --keep 30 --cache --dry-run")
declare -A stores
for size in "${sizes[@]}"; do
  stores[$size]=$(store "$size" --tasks 1 --projects 100)
  rm -rf "${stores[$size]}/.catalog"
  du -s "${stores[$size]}" >/dev/null
  note "first $size" "$(milliseconds "$otto" --home "${stores[$size]}" index)"
done
for size in "${sizes[@]}"; do settle "${stores[$size]}"; done
for _ in $(seq "$rounds"); do
  for size in "${sizes[@]}"; do
    for name in "${names[@]}"; do
      # shellcheck disable=SC2086
      note "$name $size" "$(milliseconds "$otto" --home "${stores[$size]}" $name)"
    done
  done
done
for size in "${sizes[@]}"; do
  made=()
  for round in $(seq "$rounds"); do
    made+=("$(a_new_run "${stores[$size]}" $((1600000000 + round)))")
    note "new $size" "$(milliseconds "$otto" --home "${stores[$size]}" index)"
  done
  rm -rf "${made[@]}"
  "$otto" --home "${stores[$size]}" index >/dev/null
done

line() { printf '| %-36s |' "$1"; shift; printf ' %10s |' "$@"; echo; }
row() { # what, name
  local size cells=()
  for size in "${sizes[@]}"; do cells+=("$(human "$(m "$2 $size")")"); done
  line "$1" "${cells[@]}"
}
echo
line "runs" "${sizes[@]}"
line "---" "${sizes[@]//*/---:}"
row "first index (once)" first
row "refresh, nothing new (\`index\`)" index
row "refresh, one run more" new
for name in "${names[@]:1}"; do row "\`$name\`" "$name"; done
selected=()
for size in "${sizes[@]}"; do
  selected+=("$("$otto" --home "${stores[$size]}" list --older-than 30 --json | grep -o '"id":' | wc -l)")
done
line "runs that such a clean selects" "${selected[@]}"
