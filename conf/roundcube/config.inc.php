<?php

// Roundcube over Byname's Postfix and Dovecot, for Debian's packages roundcube-core, roundcube-sqlite3 and
// roundcube-plugins. Goes to /etc/roundcube/config.inc.php; what each line is for stands in docs/clients.md.

$config = [];

// Where Debian's package keeps users, identities and sessions.
if (is_readable('/etc/roundcube/debian-db-roundcube.php')) {
    include '/etc/roundcube/debian-db-roundcube.php';
}

// One's own 24 random characters: openssl rand -base64 18
$config['des_key'] = '';

// The login is the mailbox address. An alias cannot log in; it appears as an identity. The name of the SMTP server must
// be one that its certificate is for.
$config['imap_host'] = 'localhost:143';
$config['smtp_host'] = 'tls://mail.example.com:587';
$config['smtp_user'] = '%u';
$config['smtp_pass'] = '%p';
$config['create_default_folders'] = true;

// People may still make identities by hand. What they may not send as, the mail server refuses.
$config['identities_level'] = 0;

$config['plugins'] = ['managesieve', 'show_additional_headers', 'byname_identities'];

// Which alias a mail came to stands above it, and is the first thing a filter may ask for.
$config['show_additional_headers'] = ['Delivered-To'];
$config['managesieve_host'] = 'localhost:4190';
$config['managesieve_default_headers'] = ['Delivered-To', 'Subject', 'From', 'To'];

// byname token create --operator --scope mailboxes:read > FILE, readable by the web server alone.
$config['byname_api_url'] = 'http://127.0.0.1:8080/api/v1';
$config['byname_api_token_file'] = '/etc/roundcube/byname.token';
$config['byname_api_timeout'] = 2; // seconds; a login waits no longer, and works without an answer

$config['skin'] = 'elastic';
$config['enable_spellcheck'] = false;
