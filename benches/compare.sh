#!/usr/bin/env bash
# Times otto beside programs that only add up sizes, in turn, on one store: medians and ratios.
#
#   benches/compare.sh [RUNS] [ROUNDS]      default: 10000 runs, 7 rounds
#
# The store is written once to target/compare/<RUNS> (about 75 inodes and 200 KiB a run) and used again. `du` is needed;
# `sqlite3` for the floor of a process that opens a database; `pdu`, `dust` and `fd` are measured where they are installed.
# As root, with /proc/sys/vm/drop_caches, the first index is timed on a cold page cache too.
set -euo pipefail
cd "$(dirname "$0")/.."
runs=${1:-10000}
rounds=${2:-7}
otto=$PWD/target/release/otto
store=$PWD/target/compare/$runs
export LC_ALL=C

cargo build --release --quiet
if [ ! -e "$store.finished" ]; then
  rm -rf "$store"
  mkdir -p "$(dirname "$store")"
  "$otto" demo --uniform --runs "$runs" "$store"
  touch "$store.finished"
fi
# Two days ahead: no run of the store is so young that it would be looked at again.
OTTO_NOW=$(( $(date +%s) + 172800 ))
export OTTO_NOW

milliseconds() { # the time that a command takes
  local from to
  from=$(date +%s%N)
  "$@" >/dev/null 2>&1
  to=$(date +%s%N)
  echo $(( (to - from) / 1000 )) | awk '{ printf "%.2f\n", $1 / 1000 }'
}
median() { sort -n | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }

first_index() { rm -rf "$store/.catalog"; milliseconds "$otto" --home "$store" index; }
first_index_cold() { rm -rf "$store/.catalog"; drop; milliseconds "$otto" --home "$store" index; }
du_warm() { milliseconds du -s "$store"; }
du_cold() { drop; milliseconds du -s "$store"; }
drop() { sync; echo 3 > /proc/sys/vm/drop_caches; }

declare -A times
note() { times[$1]+="$2"$'\n'; }
m() { printf '%s' "${times[$1]}" | median; }
row() { # what, ours, whose, theirs
  awk -v what="$1" -v a="$(m "$2")" -v name="$3" -v b="$(m "$4")" \
    'BEGIN { printf "| %-46s | %10.2f ms | %-9s %10.2f ms | %6.2f x |\n", what, a, name, b, a / b }'
}

du -s "$store" >/dev/null
for _ in $(seq "$rounds"); do
  note du "$(du_warm)"
  note index "$(first_index)"
  if command -v pdu >/dev/null; then note pdu "$(milliseconds pdu --quantity=block-size "$store")"; fi
  if command -v dust >/dev/null; then note dust "$(milliseconds dust -n 1 "$store")"; fi
  if command -v fd >/dev/null; then note fd "$(milliseconds fd --unrestricted . "$store")"; fi
done
sleep 2.1 # a stamp is trusted once it is two seconds old
"$otto" --home "$store" index >/dev/null
for _ in $(seq $((rounds * 3))); do
  if command -v sqlite3 >/dev/null; then note sqlite "$(milliseconds sqlite3 :memory: 'select 1')"; fi
  note list "$(milliseconds "$otto" --home "$store" list --limit 20)"
  note info "$(milliseconds "$otto" --home "$store" info latest)"
  note usage "$(milliseconds "$otto" --home "$store" usage)"
  note clean "$(milliseconds "$otto" --home "$store" clean --keep 30 --cache --dry-run)"
done

echo
echo "$runs runs, $(find "$store" -path "$store/.catalog" -prune -o -print | wc -l) inodes; medians of $rounds (queries: $((rounds * 3)))"
row "first index, warm" index du du
for peer in pdu dust fd; do
  if [ -n "${times[$peer]:-}" ]; then row "first index, warm" index "$peer" "$peer"; fi
done
if [ -n "${times[sqlite]:-}" ]; then
  row "refresh with nothing new, list --limit 20" list sqlite3 sqlite
  row "info latest" info sqlite3 sqlite
  row "usage" usage sqlite3 sqlite
  row "clean --keep 30 --cache --dry-run" clean sqlite3 sqlite
fi
if [ -w /proc/sys/vm/drop_caches ]; then
  for _ in $(seq 3); do
    note cold_du "$(du_cold)"
    note cold "$(first_index_cold)"
  done
  row "first index, cold" cold du cold_du
fi
