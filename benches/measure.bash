# What the scripts here share; to be sourced. Times are of whole processes: start, work, output, end.

export LC_ALL=C
# shellcheck disable=SC2034
otto=$PWD/target/release/otto
# Far ahead, and so are the runs of the stores that are made by this clock: each was born before the moment that its name
# states, as in a store that grew in its place. In a copy, files are asked for their birth as well, which takes longer.
# Two days after the last of them: none is so young that it would be looked at again.
OTTO_NOW=$(( $(date +%s) + 40172800 ))
export OTTO_NOW

# store RUNS [OPTION...]: writes a practice store once, and says where it is.
store() {
  local runs=$1 path
  shift
  path=$PWD/target/compare/$runs$(printf "%s" "${@/#--/-}" | tr -c "[:alnum:]\n" -)
  if [ ! -e "$path.finished" ]; then
    rm -rf "$path"
    mkdir -p "$(dirname "$path")"
    OTTO_NOW=$(( OTTO_NOW - 172800 )) "$otto" demo --uniform --runs "$runs" "$@" "$path" >/dev/null
    touch "$path.finished"
  fi
  echo "$path"
}

# milliseconds COMMAND...: how long it took. The shell's own clock: starting `date` would take as long as what is measured.
milliseconds() {
  local from=$EPOCHREALTIME
  "$@" >/dev/null 2>&1 || true
  local to=$EPOCHREALTIME
  local us=$(( ${to/./} - ${from/./} ))
  printf '%d.%03d\n' $(( us / 1000 )) $(( us % 1000 ))
}

median() { sort -n | awk '{ v[NR] = $1 } END { if (NR) print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }

# note NAME VALUE, and m NAME: the median of what was noted.
declare -A times
note() { times[$1]+="$2"$'\n'; }
m() { printf '%s' "${times[$1]:-}" | median; }
has() { [ -n "${times[$1]:-}" ]; }
installed() { command -v "$1" >/dev/null; }

# human MILLISECONDS: three figures, and seconds where there are thousands.
human() {
  awk -v ms="$1" 'BEGIN {
    if (ms == "") { print "-"; exit }
    unit = "ms"; if (ms >= 1000) { ms /= 1000; unit = "s" }
    printf (ms >= 100 ? "%.0f %s\n" : ms >= 10 ? "%.1f %s\n" : "%.2f %s\n"), ms, unit
  }'
}
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { if (b > 0) printf "%.2f x\n", a / b; else print "-" }'; }

# memory COMMAND...: the most it held, in MiB. GNU time or nothing.
memory() {
  [ -x /usr/bin/time ] || { echo -; return; }
  local kib
  kib=$(/usr/bin/time -f %M "$@" 2>&1 >/dev/null | tail -n 1)
  awk -v kib="$kib" 'BEGIN { printf "%.0f MiB\n", kib / 1024 }'
}

can_drop() { [ -w /proc/sys/vm/drop_caches ]; }
drop() { sync; echo 3 > /proc/sys/vm/drop_caches; }
# A stamp is trusted once it is two seconds old: waits until the store is at rest, and notes that it is.
settle() { sleep 2.1; "$otto" --home "$1" index >/dev/null; }

# a_new_run STORE NAME: a run as the runner leaves it, of one task, in the first project.
a_new_run() {
  local project task
  project=$(dirname "$(find "$1" -mindepth 2 -maxdepth 2 -name .cache | sort | head -n 1)")
  task=$project/$2/tasks/build
  mkdir -p "$task"
  echo x > "$task/stdout.log"
  : > "$task/stderr.log"
  echo '{}' > "$task/output.build.json"
  echo "$project/$2"
}
