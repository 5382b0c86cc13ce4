#!/bin/sh
# Cyrus IMAP of Debian 12 as a CalDAV server that really schedules (RFC 6638), in the foreground, on loopback only.
#
#   unshare --mount --pid --fork sh cyrus.sh ROOT SCRATCH HTTP_PORT IMAP_PORT USER:PASSWORD ...
#
# ROOT is a Debian with the packages and is never written to: all that happens goes to a memory file system at SCRATCH that
# nobody else sees and that ends with the server. Invitations to people elsewhere are kept in /var/spool/imip/sent. Without
# a notifier, which is how Debian installs it, Cyrus says 1.1 (sent) of them all the same, and sends nothing.
set -eu
base=$1 scratch=$2 http=$3 imap=$4
shift 4
domain=voorbeeld.example

mount --make-rprivate /
mount -t tmpfs tmpfs "$scratch"
mkdir "$scratch/upper" "$scratch/work" "$scratch/root"
mount -t overlay overlay -o "lowerdir=$base,upperdir=$scratch/upper,workdir=$scratch/work" "$scratch/root"
root=$scratch/root
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755,nosuid tmpfs "$root/dev"
mkdir "$root/dev/shm"
for node in null:3 zero:5 random:8 urandom:9; do mknod -m 666 "$root/dev/${node%:*}" c 1 "${node#*:}"; done
echo "127.0.0.1 localhost" >"$root/etc/hosts"
: >"$root/etc/resolv.conf"

cat >"$root/etc/imapd.conf" <<END
configdirectory: /var/lib/cyrus
proc_path: /run/cyrus/proc
mboxname_lockpath: /run/cyrus/lock
defaultpartition: default
partition-default: /var/spool/cyrus/mail
sievedir: /var/spool/sieve
servername: $domain
virtdomains: off
unixhierarchysep: yes
altnamespace: yes
admins: cyrus
allowplaintext: yes
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_mech_list: PLAIN LOGIN
autocreate_quota: 0
hashimapspool: yes
httpmodules: caldav
caldav_realm: $domain
calendar_user_address_set: $domain
caldav_allowscheduling: on
# the tests' meetings lie where the tests' clock is, not where the machine's is
caldav_historical_age: -1
lmtpsocket: /run/cyrus/socket/lmtp
idlesocket: /run/cyrus/socket/idle
notifysocket: /run/cyrus/socket/notify
imipnotifier: external
notify_external: /usr/local/bin/imip
END
printf '#!/bin/sh\n{ tr -d "\\n"; echo; } >>/var/spool/imip/sent\n' >"$root/usr/local/bin/imip"
chmod 755 "$root/usr/local/bin/imip"
cat >"$root/etc/cyrus.conf" <<END
START {
  recover cmd="/usr/sbin/cyrus ctl_cyrusdb -r"
}
SERVICES {
  imap cmd="imapd -U 30" listen="127.0.0.1:$imap" prefork=0 maxchild=20
  http cmd="httpd -U 30" listen="127.0.0.1:$http" prefork=1 maxchild=20
  notify cmd="notifyd" listen="/run/cyrus/socket/notify" proto="udp" prefork=1
}
EVENTS {
}
END
mkdir -p "$root/run/cyrus/proc" "$root/run/cyrus/lock" "$root/run/cyrus/socket" "$root/var/spool/imip"
chroot "$root" chown -R cyrus:mail /run/cyrus /var/spool/imip /var/lib/cyrus /var/spool/cyrus
for user in "$@"; do
    echo "${user#*:}" | chroot "$root" saslpasswd2 -p -c -u "$domain" "${user%%:*}"
done
chroot "$root" chown cyrus:sasl /etc/sasldb2
chroot "$root" busybox syslogd -n -O - &
exec chroot "$root" /usr/sbin/cyrmaster -D
