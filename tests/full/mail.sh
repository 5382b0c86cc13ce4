#!/bin/sh
# Postfix and Dovecot of Debian 12: submission with TLS and login, real mailboxes; in the foreground, on loopback only.
#
#   unshare --mount --pid --fork sh mail.sh ROOT SCRATCH SUBMISSION SMTPS IMAPS MX CERTIFICATES USER:PASSWORD ...
#
# ROOT is a Debian with the packages and is never written to: all that happens goes to a memory file system at SCRATCH that
# nobody else sees and that ends with the server. CERTIFICATES is a folder with server.pem (key and certificate).
# No mail leaves: voorbeeld.example is delivered, bounce.test is taken and comes back (nobody has an address there), defer.test is put
# off, others are refused.
set -eu
base=$1 scratch=$2 submission=$3 smtps=$4 imaps=$5 mx=$6 certificates=$7
shift 7
domain=voorbeeld.example

mount --make-rprivate /
mount -t tmpfs tmpfs "$scratch"
mkdir "$scratch/upper" "$scratch/work" "$scratch/root"
mount -t overlay overlay -o "lowerdir=$base,upperdir=$scratch/upper,workdir=$scratch/work" "$scratch/root"
root=$scratch/root
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755,nosuid tmpfs "$root/dev"
mkdir "$root/dev/shm"
for node in null:3 zero:5 full:7 random:8 urandom:9; do mknod -m 666 "$root/dev/${node%:*}" c 1 "${node#*:}"; done
ln -s /proc/self/fd "$root/dev/fd"
echo "127.0.0.1 localhost" >"$root/etc/hosts"
: >"$root/etc/resolv.conf"

mkdir "$root/etc/proof"
install -m 600 "$certificates/server.pem" "$root/etc/proof/server.pem"
for user in "$@"; do
    name=${user%%:*}
    echo "$name@$domain:{PLAIN}${user#*:}::::::" >>"$root/etc/proof/passwd"
    echo "$name@$domain x" >>"$root/etc/proof/mailboxes"
    echo "$name@$domain $name@$domain" >>"$root/etc/proof/senders"
done
echo "bounce.test smtp:[127.0.0.1]:$mx" >"$root/etc/proof/transport"
echo "defer.test 450 4.3.0 come back later" >"$root/etc/proof/access"
chroot "$root" useradd -r -u 5000 -d /var/vmail -m -s /usr/sbin/nologin vmail
chroot "$root" chgrp dovecot /etc/proof/passwd
chmod 640 "$root/etc/proof/passwd"

cat >"$root/etc/postfix/main.cf" <<END
compatibility_level = 3.6
myhostname = mail.$domain
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.2/32
maillog_file = /var/log/mail.log
virtual_mailbox_domains = $domain
virtual_mailbox_maps = texthash:/etc/proof/mailboxes
virtual_transport = lmtp:unix:private/dovecot-lmtp
transport_maps = texthash:/etc/proof/transport
default_transport = error:5.4.4 no mail leaves
relay_transport = error:5.4.4 no mail leaves
smtpd_tls_chain_files = /etc/proof/server.pem
smtpd_tls_auth_only = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = private/auth
smtpd_sasl_auth_enable = yes
smtpd_client_restrictions = permit_sasl_authenticated, reject
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
smtpd_sender_login_maps = texthash:/etc/proof/senders
smtpd_sender_restrictions = reject_sender_login_mismatch
smtpd_recipient_restrictions = check_recipient_access texthash:/etc/proof/access
# a process a connection: what a test writes into access holds from the next one on
max_use = 1
biff = no
END
cat >"$root/etc/postfix/master.cf" <<END
127.0.0.1:$submission inet n - n - - smtpd
  -o syslog_name=postfix/submission -o smtpd_tls_security_level=encrypt
127.0.0.1:$smtps inet n - n - - smtpd
  -o syslog_name=postfix/smtps -o smtpd_tls_wrappermode=yes
127.0.0.1:$mx inet n - n - - smtpd
  -o myhostname=mx.bounce.test -o smtpd_client_restrictions= -o smtpd_sender_restrictions=
  -o { smtpd_relay_restrictions = check_recipient_access static:{550 5.1.1 no such user}, reject }
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
END
cat >"$root/etc/dovecot/dovecot.conf" <<END
protocols = imap lmtp
listen = 127.0.0.1
base_dir = /run/dovecot
log_path = /var/log/dovecot.log
ssl = required
ssl_cert = </etc/proof/server.pem
ssl_key = </etc/proof/server.pem
auth_mechanisms = plain login
auth_username_format = %Lu
auth_default_realm = $domain
auth_failure_delay = 0
mail_location = maildir:/var/vmail/%n/Maildir
first_valid_uid = 5000
passdb {
  driver = passwd-file
  args = /etc/proof/passwd
}
userdb {
  driver = static
  args = uid=5000 gid=5000 home=/var/vmail/%n
}
namespace inbox {
  inbox = yes
}
service imap-login {
  inet_listener imap {
    port = 0
  }
  inet_listener imaps {
    port = $imaps
    ssl = yes
  }
}
service lmtp {
  unix_listener /var/spool/postfix/private/dovecot-lmtp {
    mode = 0600
    user = postfix
  }
}
service auth {
  unix_listener /var/spool/postfix/private/auth {
    mode = 0660
    user = postfix
  }
}
END
chroot "$root" postfix set-permissions >/dev/null 2>&1 || true
chroot "$root" dovecot
exec chroot "$root" /usr/sbin/postfix start-fg
