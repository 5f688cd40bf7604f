"""What people write or install where there is no Byname: small programs, each fair and decent, for the peers bench."""
