#!/usr/bin/env bash
# Times otto beside programs that only add up sizes, in turn, on one store: medians, ratios and memory.
#
#   benches/compare.sh [RUNS] [ROUNDS]      default: 10000 runs, 7 rounds
#   COLD=1 benches/compare.sh ...           with a cold page cache as well, as root; all of the machine feels that
#
# The store is written once to target/compare (about 75 inodes and 200 KiB a run, 12 tasks each) and used again. `du` is
# needed; `sqlite3` stands for a process that opens a database and does nothing; `pdu`, `dust` and `fd` are measured where
# they are installed. Rows are in the form of the README's table.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release --quiet
# shellcheck source=benches/measure.bash
source benches/measure.bash
runs=${1:-10000}
rounds=${2:-7}
cold_rounds=3
store=$(store "$runs")

first_index() { rm -rf "$store/.catalog"; milliseconds "$otto" --home "$store" index; }
fd=$(command -v fd || command -v fdfind || true)
row() { printf '| %-52s | %10s | %s |\n' "$1" "$(human "$2")" "$3"; }
beside() { row "$1" "$(m "$2")" "$(ratio "$(m "$2")" "$(m "$4")") \`$3\` ($(human "$(m "$4")"))"; }

du -s "$store" >/dev/null
for _ in $(seq "$rounds"); do
  note du "$(milliseconds du -s "$store")"
  note index-first "$(first_index)"
  if installed pdu; then note pdu "$(milliseconds pdu --quantity=block-size "$store")"; fi
  if installed dust; then note dust "$(milliseconds dust -n 1 "$store")"; fi
  if [ -n "$fd" ]; then note fd "$(milliseconds "$fd" --unrestricted . "$store")"; fi
done

settle "$store"
names=("list --limit 20" "info latest" "usage" "clean --keep 30 --cache --dry-run")
for _ in $(seq $((rounds * 3))); do
  if installed sqlite3; then note sqlite "$(milliseconds sqlite3 :memory: 'select 1')"; fi
  for name in "${names[@]}"; do
    # shellcheck disable=SC2086
    note "$name" "$(milliseconds "$otto" --home "$store" $name)"
  done
done

# Nothing new, then one new run, in turn: what is told is the difference. Then one that somebody works in.
made=()
for round in $(seq "$rounds"); do
  settle "$store"
  note quiet "$(milliseconds "$otto" --home "$store" index)"
  made+=("$(a_new_run "$store" $((1600000000 + round)))")
  note new "$(milliseconds "$otto" --home "$store" index)"
done
live=$(a_new_run "$store" "$OTTO_NOW")
made+=("$live")
"$otto" --home "$store" index >/dev/null
settle "$store"
for _ in $(seq "$rounds"); do
  echo x >> "$live/tasks/build/stdout.log"
  note growing "$(milliseconds "$otto" --home "$store" index)"
done
rm -rf "${made[@]}"
"$otto" --home "$store" index >/dev/null

# Deleting: from the yes until no other command sees the thousand runs, and until all are unlinked.
doomed=$PWD/target/compare/doomed
for _ in $(seq "$cold_rounds"); do
  rm -rf "$doomed"
  OTTO_NOW=$(( OTTO_NOW - 172800 )) "$otto" demo --uniform --runs 1090 "$doomed" >/dev/null
  "$otto" --home "$doomed" index >/dev/null
  from=$EPOCHREALTIME
  "$otto" --home "$doomed" clean --keep 30 --cache --yes >/dev/null 2>&1 &
  until [ "$("$otto" --home "$doomed" list --older-than 30 --limit 1 --json 2>/dev/null)" = "[]" ]; do :; done
  to=$EPOCHREALTIME
  wait
  end=$EPOCHREALTIME
  note sight $(( (${to/./} - ${from/./}) / 1000 ))
  note gone $(( (${end/./} - ${from/./}) / 1000 ))
done
rm -rf "$doomed"

echo
echo "$runs runs, $(find "$store" -path "$store/.catalog" -prune -o -print | wc -l) inodes;" \
  "medians of $rounds, of the answers $((rounds * 3)); $(find /proc -maxdepth 1 -name '[0-9]*' | wc -l) processes"
echo
beside "first index, sizes exact as \`du\`" index-first "du -s" du
for peer in pdu dust fd; do
  if has "$peer"; then beside "the same" index-first "$peer" "$peer"; fi
done
if installed sqlite3; then
  beside "refresh with nothing new, then \`list --limit 20\`" "list --limit 20" sqlite3 sqlite
  beside "\`info latest\`" "info latest" sqlite3 sqlite
  beside "\`usage\`, with its recommendations" usage sqlite3 sqlite
  beside "\`clean --keep 30 --cache --dry-run\`" "clean --keep 30 --cache --dry-run" sqlite3 sqlite
fi
above() { row "$1" "$(awk -v a="$(m "$2")" -v b="$(m quiet)" 'BEGIN { print a - b }')" "above nothing new ($(human "$(m quiet)"))"; }
above "one run more" new
above "a run that is being written" growing
row "\`clean\` of 1,000 runs: out of sight of \`list\`" "$(m sight)" "all unlinked: $(human "$(m gone)")"

if [ -n "${COLD:-}" ]; then
  if can_drop; then
    for _ in $(seq "$cold_rounds"); do
      drop
      note cold_du "$(milliseconds du -s "$store")"
      rm -rf "$store/.catalog"
      drop
      note cold "$(milliseconds "$otto" --home "$store" index)"
    done
    beside "first index, page cache cold" cold "du -s" cold_du
  else
    echo "the page cache can only be dropped by root" >&2
  fi
fi

echo
printf 'Memory: first index %s' "$(rm -rf "$store/.catalog"; memory "$otto" --home "$store" index)"
for name in "${names[@]}" "list --json"; do
  # shellcheck disable=SC2086
  printf ', %s %s' "$name" "$(memory "$otto" --home "$store" $name)"
done
echo
