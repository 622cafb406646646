# Sourced by the scripts: runs long commands with their output in a log file and
# shows how far they are. Needs bash strict mode in the script that sources it.
# shellcheck shell=bash

if [[ -t 1 ]]; then progress_on_terminal=1; else progress_on_terminal=0; fi

# progress_line TEXT: on a terminal it replaces the line before, else it is a line of its own.
progress_line() {
  if ((progress_on_terminal)); then
    printf '\r\033[K%.*s' "${COLUMNS:-79}" "$1"
  else
    printf '%s\n' "$1"
  fi
}

# progress_end TEXT: the line that stays.
progress_end() {
  progress_line "$1"
  if ((progress_on_terminal)); then printf '\n'; fi
}

# progress_follow LABEL: reads the output of a command and shows how far it is. Ninja's
# "[done/total]" gives the count; any other output shows that there is progress at all.
progress_follow() {
  local label=$1 line text shown="" last=$SECONDS pause=15
  if ((progress_on_terminal)); then pause=1; fi
  while IFS= read -r line; do
    text="$label ..."
    if [[ $line =~ ^\[([0-9]+)/([0-9]+)\] ]]; then
      text="$label ${BASH_REMATCH[1]}/${BASH_REMATCH[2]}"
    fi
    if ((SECONDS - last >= pause)) && [[ $text != "$shown" ]]; then
      progress_line "$text"
      shown=$text
      last=$SECONDS
    fi
  done
}

# progress_run LABEL LOG COMMAND...: appends the command's output to LOG. If it fails, the end
# of its output is shown and its status is returned.
progress_run() {
  local label=$1 log=$2 status=0 start=$SECONDS first_line
  shift 2
  mkdir -p "$(dirname "$log")"
  touch "$log"
  first_line=$(($(wc -l <"$log") + 1))
  progress_line "$label ..."
  NINJA_STATUS='[%f/%t] ' "$@" </dev/null 2>&1 | tee -a "$log" | progress_follow "$label" ||
    status=$?
  if ((status != 0)); then
    progress_end "$label: failed"
    progress_show_failure "$log" "$first_line" >&2
    return "$status"
  fi
  progress_end "$label: done in $((SECONDS - start)) s"
}

# progress_show_failure LOG FIRST_LINE: from ninja's first "FAILED:" on, else the last lines.
progress_show_failure() {
  local log=$1 first_line=$2 output
  output=$(tail -n "+$first_line" "$log" | grep -A 40 -m 1 '^FAILED: ' || true)
  if [[ -z $output ]]; then
    output=$(tail -n "+$first_line" "$log" | tail -n 40)
  fi
  printf '%s\n\nthe whole log: %s\n' "$output" "$log"
}

# Jobs of a build: BALLAST_JOBS, else one per core.
progress_jobs() {
  printf '%s' "${BALLAST_JOBS:-$(nproc)}"
}
