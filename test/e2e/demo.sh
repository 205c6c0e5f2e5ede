#!/usr/bin/env bash
# The main job on a directory archive, with real data: push a journal, damage it, restore it at an earlier
# offset, verify. Prints every command it runs; fails when anything is not as it must be.
set -euo pipefail
project=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

rigctl() { node "$project/bin/rigctl.js" "$@"; }
say() { printf '\n# %s\n' "$*"; }
run() { printf '$ %s\n' "$*"; "$@"; }

export RIGCTL_ARCHIVE="file:$work/archive"
printf '$ export RIGCTL_ARCHIVE=%s\n' "$RIGCTL_ARCHIVE"

say 'A journal: one JSON line for each file that npm has just installed.'
inventory() { find "$project/node_modules" "$@" -type f -printf '{"path":"%P","bytes":%s,"modified":"%TY-%Tm-%TdT%TH:%TM"}\n'; }
inventory -maxdepth 3 > events.ndjson
run wc -lc events.ndjson

say 'Push it, let the application go on, push again.'
run rigctl push events.ndjson --format lines
before=$(wc -c < events.ndjson)
cp events.ndjson before.ndjson
inventory -mindepth 4 -maxdepth 5 >> events.ndjson
cp events.ndjson all.ndjson
run rigctl push events.ndjson
run rigctl status

say 'Somebody overwrites the journal.'
run dd if=/dev/urandom of=events.ndjson bs=64k count=3 conv=notrunc status=none
if run rigctl push events.ndjson; then
  echo 'a damaged journal was pushed' >&2
  exit 1
fi

say "Put it back as it was at offset $before, and as it was at the end."
run rigctl restore --at "$before" --to earlier.ndjson
run cmp earlier.ndjson before.ndjson
run rigctl restore --to events.ndjson --force
run cmp events.ndjson all.ndjson

say 'Prove that the archive is good.'
run rigctl verify --against events.ndjson
say 'The same bytes came back, at both points.'
