#!/usr/bin/env bash
# Installs PI Bridge as a service, or brings it to another version: Raspberry Pi OS (64-bit), Debian, Ubuntu.
set -euo pipefail
umask 022
unset PYTHONPATH PYTHONHOME
shopt -s nullglob

usage() {
  cat <<'END'
Usage: sudo deploy/install.sh [OPTION …] [SOURCE]

SOURCE       what to install: a wheel, a checkout, or a requirement such as pibridge==1.2.0 for the package index.
             Default: the wheel in --wheels, else the checkout that this script is in.
--wheels DIR take all packages from this folder and ask no package index
--uninstall  remove the service and the program; configuration and data stay
--purge      with --uninstall: remove configuration, data and the user, too
--dry-run    say what would be done, and do nothing
--root DIR   install below DIR, for images and tests: no user, no owner, no service is touched

The same command installs, upgrades and goes back to the version before. It can be given again at any time.
END
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
python=${PYTHON:-python3}
source='' wheels='' root='' uninstall=false purge=false dry=false

fail() {
  printf 'install.sh: %s\n' "$*" >&2
  exit 1
}

while (($#)); do
  case $1 in
    --wheels | --root)
      (($# > 1)) || fail "$1 needs a folder"
      if [[ $1 == --wheels ]]; then wheels=$2; else root=$2; fi
      shift
      ;;
    --uninstall) uninstall=true ;;
    --purge) purge=true ;;
    --dry-run) dry=true ;;
    --help | -h) usage && exit ;;
    -*) usage >&2 && exit 2 ;;
    *) [[ -z $source ]] || fail "one SOURCE, not two: $source and $1"; source=$1 ;;
  esac
  shift
done
! $purge || $uninstall || fail '--purge goes with --uninstall'
$dry || [[ -n $root ]] || ((EUID == 0)) || fail 'needs root: run it with sudo'
root=${root:+$(realpath --canonicalize-missing "$root")}

program=$root/opt/pibridge
configuration=$root/etc/pibridge
data=$root/var/lib/pibridge
unit=$root/etc/systemd/system/pibridge.service
command=$root/usr/local/bin/pibridge

# Do it; or say it.
run() {
  if $dry; then echo "would run: $*"; else "$@"; fi
}

# The same, for what changes this machine and not just files below --root.
on_machine() {
  if [[ -z $root ]]; then run "$@"; fi
}

# systemctl, where systemd runs: not in images that are being built.
service() {
  [[ ! -d /run/systemd/system ]] || on_machine systemctl "$@"
}

is_running() {
  [[ -z $root ]] && systemctl --quiet is-active pibridge 2>/dev/null
}

remove() {
  if [[ -z $root && -e $unit ]]; then service disable --now pibridge; fi
  run rm -rf "$program" "$unit" "$command"
  service daemon-reload
  if $purge; then
    run rm -rf "$configuration" "$data"
    if getent passwd pibridge >/dev/null; then on_machine userdel pibridge; fi
  else
    echo "kept: $configuration, $data"
  fi
}

check_machine() {
  command -v "$python" >/dev/null || fail "$python is not there: apt install python3 python3-venv"
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$("$python" --version) is too old: PI Bridge needs 3.11 or later; name another one with PYTHON=python3.12"
  "$python" -c 'import ensurepip, venv' 2>/dev/null || fail "$python cannot make environments: apt install python3-venv"
  "$python" -c 'import struct, sys; sys.exit(struct.calcsize("P") != 8)' ||
    fail 'this is a 32-bit system; there are packages for 64-bit ones only (Raspberry Pi OS: the 64-bit image)'
  [[ -n $root || $("$python" -c 'import sys; print(sys.base_prefix)') != @(/home|/root)/* ]] ||
    fail "$python lies in a home folder, which the service cannot see: name another one with PYTHON=/usr/bin/python3"
}

# pip, of a throw-away environment until there is one to stay.
pip() {
  local environment=$1
  shift
  "$environment/bin/python" -m pip --quiet --disable-pip-version-check "$@"
}

# Give the wheel to install in $work/wheel: found, built or downloaded.
fetch_wheel() {
  local found=()
  if [[ -z $source && -n $wheels ]]; then
    found=("$wheels"/pibridge-*.whl)
    ((${#found[@]} == 1)) || fail "$wheels has ${#found[@]} wheels of pibridge: name one as SOURCE"
    source=${found[0]}
  elif [[ -z $source && -f $here/../pyproject.toml ]]; then
    source=$here/..
  fi
  mkdir "$work/wheel"
  if [[ -f $source ]]; then
    cp "$source" "$work/wheel/"
  else
    "$python" -m venv "$work/venv"
    if [[ -d $source ]]; then
      pip "$work/venv" wheel "${offline[@]}" --no-deps --wheel-dir "$work/wheel" "$(cd "$source" && pwd)"
    else
      pip "$work/venv" download "${offline[@]}" --no-deps --only-binary=:all: --dest "$work/wheel" "${source:-pibridge}"
    fi
  fi
  wheel=$(find "$work/wheel" -name 'pibridge-*.whl')
  [[ -f $wheel ]] || fail "$source is no wheel of pibridge"
  # What the wheel was tested with is locked in the wheel.
  "$python" -m zipfile --extract "$wheel" "$work/unpacked"
  lock=$work/unpacked/pibridge/requirements.lock
  [[ -f $lock ]] || fail "$wheel has no requirements.lock in it"
}

# Make the environment of this version, all of it or nothing.
build() {
  if ! $dry; then trap 'rm -rf "$version" "$work"' EXIT; fi
  run rm -rf "$version"
  run mkdir -p "$program"
  run "$python" -m venv "$version"
  run pip "$version" install "${offline[@]}" --only-binary=:all: --require-hashes --requirement "$lock"
  run pip "$version" install --no-index --no-deps "$wheel"
  on_machine sync
  trap 'rm -rf "$work"' EXIT
}

# Have `current` name this version from one moment to the next.
switch_to() {
  run ln -sfn "$(basename "$1")" "$program/next"
  run mv -T "$program/next" "$program/current"
}

prepare_machine() {
  if ! getent passwd pibridge >/dev/null; then
    on_machine useradd --system --user-group --home-dir /var/lib/pibridge --no-create-home \
      --shell /usr/sbin/nologin pibridge
  fi
  run mkdir -p "$configuration" "$data" "$(dirname "$unit")" "$(dirname "$command")"
  run chmod 0750 "$configuration" "$data"
  on_machine chown root:pibridge "$configuration"
  on_machine chown pibridge:pibridge "$data"
  if [[ ! -e $configuration/pibridge.yaml ]]; then
    run install -m 0640 "$here/pibridge.yaml" "$configuration/pibridge.yaml"
    on_machine chown root:pibridge "$configuration/pibridge.yaml"
  fi
}

remove_old_versions() {
  local folder
  for folder in "$program"/*/; do
    folder=${folder%/}
    [[ -L $folder || $folder == "$version" || $folder == "$1" ]] || run rm -rf "$folder"
  done
}

start() {
  local before=$1
  service daemon-reload
  service enable --quiet pibridge
  is_running || return 0
  if ! service restart pibridge && [[ -n $before && $before != "$version" ]]; then
    echo "$(basename "$version") does not start; going back to $(basename "$before")" >&2
    switch_to "$before"
    service restart pibridge
    fail 'journalctl -u pibridge says why'
  fi
}

install_() {
  check_machine
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  offline=()
  [[ -z $wheels ]] || offline=(--no-index --find-links "$wheels")
  fetch_wheel
  local name before=''
  name=$(basename "$wheel" | cut -d- -f2)-$(sha256sum "$wheel" | cut -c1-8)
  version=$program/$name
  [[ ! -L $program/current ]] || before=$program/$(readlink "$program/current")
  if "$version/bin/pibridge" --version >/dev/null 2>&1; then
    echo "$name is there"
  else
    build
  fi
  prepare_machine
  run install -m 0644 "$here/systemd/pibridge.service" "$unit"
  switch_to "$version"
  run ln -sfn "$program/current/bin/pibridge" "$command"
  start "$before"
  remove_old_versions "$before"
  echo "pibridge $name: $(if $dry; then echo 'nothing was changed'; else echo installed; fi)"
  if ! is_running; then
    cat <<END
Next: edit $configuration/pibridge.yaml, then
  sudo -u pibridge pibridge check --config /etc/pibridge/pibridge.yaml
  sudo systemctl start pibridge
END
  fi
}

# In one line: bash reads on when it ends, and by then the file may be another one.
if $uninstall; then remove; else install_; fi; exit
