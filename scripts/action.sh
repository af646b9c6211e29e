#!/usr/bin/env bash
# The steps of action.yml. Everything comes in environment variables; no token and no connection string is on a command
# line. GUARD_PROGRAM names the program instead of installing it.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
checkout=${GITHUB_WORKSPACE:?}
scratch=$(mktemp -d "${RUNNER_TEMP:?}/voxanne-guard.XXXXXX")
mode=${GUARD_MODE:-scan}
workspace=${GUARD_WORKSPACE:-.}
report=$scratch/findings.json
token=${GUARD_TOKEN:-}
# What is started below needs no token, but for the comment.
unset GUARD_TOKEN

fail() {
  echo "::error title=voxanne-rollout guard::$1"
  exit 2
}

case $mode in scan | drift) ;; *) fail 'mode is scan or drift.' ;; esac
case /$workspace/ in *//* | */../*) fail 'workspace is a folder inside of the checkout.' ;; esac

program=${GUARD_PROGRAM:-}
if [ -z "$program" ]; then
  [[ ${GUARD_VERSION:-} =~ ^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$ ]] || fail 'version is a full version, such as 1.2.3.'
  # From an empty folder: an .npmrc of the checkout could name another registry.
  (cd "$scratch" && echo '{"private":true}' >package.json &&
    npm install --ignore-scripts --no-audit --no-fund --loglevel=error "voxanne-rollout@$GUARD_VERSION" >&2)
  program=$scratch/node_modules/voxanne-rollout/bin/voxanne-rollout.js
fi

# guard FOLDER REPORT [OPTION…]: 0 nothing new, 1 findings, 2 not looked at.
guard() {
  local folder=$1 to=$2
  shift 2
  # Names of files and objects may look like commands of the runner: none is taken from what the program says.
  local quiet ended=0
  quiet=$(node -p 'crypto.randomUUID()')
  echo "::stop-commands::$quiet"
  (cd "$folder" && node "$program" guard --workspace "$workspace" --format json "$@") >"$to" || ended=$?
  echo "::$quiet::"
  return "$ended"
}

code=0
if [ "$mode" = drift ]; then
  [ -n "${SUPABASE_DB_URL:-}" ] || fail 'Set SUPABASE_DB_URL in the environment of this step, from a secret.'
  options=(--only database)
  if [ -n "${GUARD_BASELINE:-}" ]; then options+=(--baseline "$checkout/$GUARD_BASELINE"); fi
  guard "$checkout" "$report" "${options[@]}" || code=$?
else
  # A waiver that came with the pull request could accept what it brings; those of the base are in its findings.
  options=(--only code --no-waivers)
  base=$(node "$here/action.js" base)
  if [ -n "$base" ]; then
    # New is what the base has not: a baseline that came with the pull request could accept what it brings.
    if ! git -C "$checkout" cat-file -e "$base^{commit}" 2>/dev/null; then
      git -C "$checkout" fetch --quiet --no-tags --depth=1 origin "$base" ||
        fail 'The base of the pull request cannot be fetched: give actions/checkout fetch-depth 0.'
    fi
    git -C "$checkout" -c core.hooksPath=/dev/null worktree add --quiet --detach "$scratch/base" "$base"
    trap 'git -C "$checkout" worktree remove --force "$scratch/base" >/dev/null 2>&1 || true' EXIT
    known=0
    # A folder that the pull request brings is not in its base: all of it is new.
    if [ -d "$scratch/base/$workspace" ]; then guard "$scratch/base" "$scratch/base.json" --only code --no-waivers || known=$?; fi
    if [ "$known" -gt 2 ]; then fail 'The base of the pull request cannot be scanned.'; fi
    if [ -s "$scratch/base.json" ]; then options+=(--baseline "$scratch/base.json"); fi
  elif [ -n "${GUARD_BASELINE:-}" ]; then
    options+=(--baseline "$checkout/$GUARD_BASELINE")
  fi
  guard "$checkout" "$report" "${options[@]}" || code=$?
fi

if [ "$code" -gt 2 ] || [ ! -s "$report" ]; then fail "guard ended with $code and no report."; fi
GUARD_TOKEN=$token node "$here/action.js" tell "$report" "$mode" "$code"
exit "$code"
