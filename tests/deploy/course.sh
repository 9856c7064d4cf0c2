#!/usr/bin/env bash
# What becomes of a service, from its installation to its end; each line: a name, and what was found.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin PYTHON=/usr/bin/python3
install=/tmp/tree/deploy/install.sh wheels=/tmp/folder/wheels
ip link set lo up

tell() { echo "$1: ${*:2}"; }
of() { systemctl show --value --property "$1" pibridge; }
# Wait until a command succeeds.
until_() {
  for _ in {1..150}; do
    if "$@" >/dev/null 2>&1; then return 0; fi
    sleep 0.2
  done
  return 1
}
restarted() { [[ $(of NRestarts) -ge 1 && $(of ActiveState) == active ]]; }
has_files() { compgen -G "/var/lib/pibridge/$1/dt=*/*.$2" >/dev/null; }
shows() { systemctl status pibridge | grep -q "$1"; }
logs() { journalctl --unit pibridge --output cat | grep -q "$1"; }
version() { readlink /opt/pibridge/current | cut -d- -f1; }

"$install" --wheels $wheels /tmp/folder/old/*.whl >&2
tell installed $?

# The configuration to start from has no password yet.
systemctl start pibridge
tell 'without password' "$(of ActiveState) $(of ExecMainStatus) $(of NRestarts)"

pibridge simulate --port 9000 2>/dev/null &
cp /tmp/folder/plant.yaml /etc/pibridge/pibridge.yaml
systemctl start pibridge
tell started "$? $(of ActiveState) $(of User)"
until_ has_files lines jsonl
tell 'lines written' $?
until_ has_files columns parquet
tell 'columns written' $?
until_ shows 'tags are read'
tell status "$(of StatusText)"
systemctl reload pibridge
until_ logs 'configuration read again'
tell reloaded $?

mkdir -p /run/systemd/system/pibridge.service.d
printf '[Service]\nWatchdogSec=3s\nRestartSec=100ms\n' >/run/systemd/system/pibridge.service.d/hasty.conf
systemctl daemon-reload
systemctl restart pibridge
sleep 4
tell 'restarts while alive' "$(of NRestarts)"
kill -STOP "$(of MainPID)"
until_ restarted
tell 'restarts after a hang' "$(of NRestarts) $(of ActiveState)"

"$install" --wheels $wheels /tmp/folder/new/*.whl >&2
tell upgraded "$? $(version) $(of ActiveState)"
"$install" --wheels $wheels /tmp/folder/broken/*.whl >&2
tell 'broken upgrade' "$? $(version) $(of ActiveState)"
systemctl stop pibridge
tell stopped "$(of Result) $(of ExecMainStatus)"
"$install" --uninstall --purge >&2
tell left "$(ls -d /opt/pibridge /etc/pibridge /var/lib/pibridge /etc/systemd/system/pibridge.service 2>/dev/null)" \
  "$(getent passwd pibridge)"
