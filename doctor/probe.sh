# What a machine has for libvirt: a `key value` line each, for doctor/host.py. Run by any POSIX
# shell, here or over SSH. It reads and writes nothing. $1 is the folder for machines' disks.
PATH=$PATH:/usr/sbin:/sbin
say() { printf '%s %s\n' "$1" "$2"; }
have() { command -v "$1" >/dev/null 2>&1; }

[ -c /dev/kvm ] && say kvm "$(stat -c '%a %U %G' /dev/kvm)"
[ -r /dev/kvm ] && [ -w /dev/kvm ] && say kvm_open_to_user yes
grep -qwE 'vmx|svm' /proc/cpuinfo && say virtualisation yes
grep -qw hypervisor /proc/cpuinfo && say is_virtual yes

# QEMU of system sessions runs as the user that qemu.conf names, or else Debian's or Fedora's own.
named=$(sed -n 's/^ *user *= *"\(.*\)".*/\1/p' /etc/libvirt/qemu.conf 2>/dev/null)
for user in $named libvirt-qemu qemu; do
  groups=$(id -Gn "$user" 2>/dev/null) && say qemu_user "$user $groups" && break
done
have dnsmasq && say dnsmasq yes
have qemu-system-x86_64 || [ -x /usr/libexec/qemu-kvm ] && say qemu yes

say memory_total "$(sed -n 's/^MemTotal: *\([0-9]*\).*/\1/p' /proc/meminfo)"
say memory_available "$(sed -n 's/^MemAvailable: *\([0-9]*\).*/\1/p' /proc/meminfo)"

# The folder itself may not be there yet: libvirt makes it in what there is of its parents.
folder=$1
while [ ! -d "$folder" ]; do folder=$(dirname "$folder"); done
say disk_folder "$folder"
say disk_available "$(df -Pk "$folder" | awk 'END { print $4 }')"
while :; do
  say folder "$(stat -c '%a' "$folder") $folder"
  [ "$folder" = / ] && break
  folder=$(dirname "$folder")
done

for bridge in /sys/class/net/*/bridge; do
  [ -d "$bridge" ] && say bridge "$(basename "$(dirname "$bridge")")"
done
have ip && say routes "$(ip -json route show table all | tr -d '\n')"
exit 0
