# /etc/dovecot/sieve/byname.sieve: shows in Delivered-To which name was written to. Run sievec after each change.
# No Delivered-To for mail to the mailbox itself: Postfix's local(8) and pipe(8) take such a field for a loop.
require ["editheader", "envelope", "variables", "vnd.dovecot.environment"];

if envelope :matches "to" "*" {
  set :lower "written" "${1}";
  set :lower "mailbox" "${env.vnd.dovecot.username}";
  if not string :is "${written}" "${mailbox}" {
    addheader "Delivered-To" "${written}";
  }
}
