# The mail server as it was before Byname: Debian's Postfix with a list of domains, and Dovecot, which takes john's mail.
set -eu
postconf -e 'myhostname = mail.example.com' 'mydestination = localhost' 'inet_interfaces = loopback-only' \
  'inet_protocols = ipv4' 'mynetworks = 127.0.0.0/8' 'virtual_mailbox_domains = brand-a.test' \
  'virtual_transport = lmtp:unix:private/dovecot-lmtp' 'recipient_delimiter = +' 'disable_dns_lookups = yes' \
  'smtpd_peername_lookup = no' 'default_transport = error:nothing leaves this machine' 'smtputf8_enable = no'
postconf -M 'submission/inet=submission inet n - y - - smtpd'
postconf -P 'submission/inet/smtpd_sasl_auth_enable=yes' 'submission/inet/smtpd_sasl_type=dovecot' \
  'submission/inet/smtpd_sasl_path=private/auth' \
  'submission/inet/smtpd_relay_restrictions=permit_sasl_authenticated,reject'
groupadd --system vmail
useradd --system --gid vmail --home-dir /var/vmail --create-home vmail
cat >/etc/dovecot/dovecot.conf <<'DOVECOT'
protocols = lmtp imap
mail_location = maildir:/var/vmail/%d/%n
mail_uid = vmail
mail_gid = vmail
first_valid_uid = 1
ssl = no
recipient_delimiter = +
passdb {
  driver = static
  args = password=secret
}
userdb {
  driver = static
  args = uid=vmail gid=vmail home=/var/vmail/%d/%n allow_all_users=yes
}
service lmtp {
  unix_listener /var/spool/postfix/private/dovecot-lmtp {
    mode = 0600
    user = postfix
    group = postfix
  }
}
service auth {
  unix_listener /var/spool/postfix/private/auth {
    mode = 0660
    user = postfix
    group = postfix
  }
}
# Debian's own file reads all of conf.d; the rest of it would be in the way here.
!include_try /etc/dovecot/conf.d/99-byname.conf
DOVECOT
systemctl restart dovecot postfix
