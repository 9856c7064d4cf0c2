#!/usr/bin/env bash
# boot.sh FOLDER TREE: systemd in namespaces of its own, over this machine's files, which it cannot change.
# It installs from TREE and FOLDER/wheels, does what course.sh says, and leaves what that said in FOLDER/said.
set -euo pipefail
folder=$1 tree=$2 here=$(cd "$(dirname "$0")" && pwd)

mount -t tmpfs tmpfs "$folder/box"
mkdir "$folder"/box/{changed,work,root}
mount -t overlay overlay -o "lowerdir=/,upperdir=$folder/box/changed,workdir=$folder/box/work" "$folder/box/root"
cd "$folder/box/root"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs tmpfs tmp
mkdir tmp/{folder,tree,course,before}
mount --bind "$folder" tmp/folder
mount --bind "$tree" tmp/tree
mount --bind "$here" tmp/course
mount -t tmpfs -o mode=755 tmpfs dev
for device in null zero full random urandom tty; do cp -a "/dev/$device" "dev/$device"; done
mkdir dev/shm dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd

# Nothing of this machine's own runs in there.
rm -rf etc/systemd/system/*.wants etc/systemd/system/*.requires var/lib/pibridge etc/pibridge opt/pibridge
: >etc/machine-id
cat >etc/systemd/system/box.target <<'END'
[Unit]
Requires=basic.target course.service
AllowIsolate=yes
END
cat >etc/systemd/system/course.service <<'END'
[Unit]
After=basic.target
[Service]
Type=oneshot
ExecStart=/bin/bash /tmp/course/course.sh
ExecStopPost=/bin/systemctl poweroff --force
StandardOutput=file:/tmp/folder/said
StandardError=file:/tmp/folder/errors
END
for service in systemd-udevd systemd-udev-trigger systemd-timesyncd systemd-logind; do
  ln -sf /dev/null "etc/systemd/system/$service.service"
done
pivot_root . tmp/before
umount -l /tmp/before
exec env -i container=box PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  /lib/systemd/systemd --system --unit=box.target --log-target=null --show-status=0
