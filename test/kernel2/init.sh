#!/bin/busybox sh
# Init of the second kernel: the host's root, read-only below a tmpfs, the folder `work` of the host in /run/work, and
# there the script that is run. What it needs of modules, in the order of their loading:
modules="virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci netfs fscache 9pnet 9pnet_virtio 9p overlay"
/bin/busybox mkdir -p /proc /sys /dev /host /upper /root
/bin/busybox mount -t proc none /proc
/bin/busybox --install -s /bin
mount -t sysfs none /sys
mount -t devtmpfs none /dev
for module in $modules; do insmod "/modules/$module.ko"; done
share=trans=virtio,version=9p2000.L,msize=512000
mount -t 9p -o $share,cache=loose,ro root /host
mount -t tmpfs none /upper
mkdir -p /upper/changes /upper/work
mount -t overlay -o lowerdir=/host,upperdir=/upper/changes,workdir=/upper/work none /root
# Sockets cannot live on 9p.
mount -t tmpfs none /root/run
mount --move /proc /root/proc
mount --move /sys /root/sys
mount --move /dev /root/dev
mkdir -p /root/dev/pts /root/dev/shm /root/run/work
mount -t devpts none /root/dev/pts
mount -t tmpfs none /root/dev/shm
mount -t tracefs none /root/sys/kernel/tracing
mount -t bpf none /root/sys/fs/bpf
mount -t cgroup2 none /root/sys/fs/cgroup
echo +memory >/root/sys/fs/cgroup/cgroup.subtree_control
mount -t 9p -o $share work /root/run/work
ip link set lo up
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/run chroot /root /bin/bash -c \
	'cd /run/work && bash script >output 2>&1 </dev/null; echo $? >code; sync'
echo o >/root/proc/sysrq-trigger
sleep 10
