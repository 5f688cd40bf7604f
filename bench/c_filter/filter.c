/* The yardstick of the benches "mta" and "milter": Byname's inbound job, written in C on libmilter and hiredis, as
 * small and as fast as such a filter can well be, and without Byname's care. It reads the same hashes in Redis
 * (store/wire_format/layout.py), in one round trip for each recipient over a connection kept open; refuses what is unknown;
 * replaces an alias by its mailbox; removes Delivered-To fields of the sender's, adds one, and writes a log line.
 *
 * What it leaves out: other reads of an address than "lower-case it", fallback, deadlines, catch-alls, sub-addresses,
 * mailboxes of other states. It decides rightly about what the benches ask, no more.
 *
 *     filter inet:PORT@HOST|unix:PATH REDIS_SOCKET
 */
#include <ctype.h>
#include <hiredis/hiredis.h>
#include <libmilter/mfapi.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define MOST_IDLE 64 /* connections kept open */
#define LINE 512

struct recipient {
    char raw[LINE], address[LINE], mailbox[LINE];
    struct recipient *next;
};

struct session {
    struct recipient *recipients;
    int delivered_to; /* fields of that name seen in this message */
};

static const char *redis_path;
static redisContext *idle[MOST_IDLE];
static int idle_count;
static pthread_mutex_t idle_lock = PTHREAD_MUTEX_INITIALIZER;

static redisContext *take(void)
{
    redisContext *redis = NULL;
    pthread_mutex_lock(&idle_lock);
    if (idle_count > 0)
        redis = idle[--idle_count];
    pthread_mutex_unlock(&idle_lock);
    return redis ? redis : redisConnectUnix(redis_path);
}

static void give_back(redisContext *redis)
{
    pthread_mutex_lock(&idle_lock);
    if (!redis->err && idle_count < MOST_IDLE) {
        idle[idle_count++] = redis;
        redis = NULL;
    }
    pthread_mutex_unlock(&idle_lock);
    if (redis)
        redisFree(redis);
}

static void forget(struct session *session)
{
    while (session->recipients) {
        struct recipient *next = session->recipients->next;
        free(session->recipients);
        session->recipients = next;
    }
    session->delivered_to = 0;
}

/* The body of a value, behind its version; NULL when there is none. */
static const char *body_of(const redisReply *reply, size_t at)
{
    const redisReply *value = reply && reply->type == REDIS_REPLY_ARRAY && at < reply->elements ? reply->element[at] : NULL;
    const char *blank = value && value->type == REDIS_REPLY_STRING ? strchr(value->str, ' ') : NULL;
    return blank ? blank + 1 : NULL;
}

enum verdict { UNDECIDED, NOT_OURS, UNKNOWN, DELIVER };

static enum verdict judge(redisReply **replies, const char *address, const char *domain, char *mailbox)
{
    const char *listed = body_of(replies[1], 1), *name = body_of(replies[2], 2);
    if (!replies[0] || replies[0]->type != REDIS_REPLY_STRING || !body_of(replies[1], 0))
        return UNDECIDED; /* no lease, no list */
    if (!listed || *listed != 'h')
        return NOT_OURS;
    if (!body_of(replies[2], 0) || !body_of(replies[2], 1))
        return UNDECIDED;
    if (name && *name == 'm') {
        snprintf(mailbox, LINE, "%s", address);
        return name[1] == '1' ? DELIVER : UNKNOWN;
    }
    if (!name || *name != 'a' || (name[1] - '0') % 4 != 3 || strlen(name) < 5)
        return UNKNOWN;
    if (strchr(name + 4, '@'))
        snprintf(mailbox, LINE, "%s", name + 4);
    else
        snprintf(mailbox, LINE, "%s@%s", name + 4, domain);
    return DELIVER;
}

static enum verdict look_up(const char *address, char *mailbox)
{
    const char *at = strrchr(address, '@');
    redisContext *redis = at ? take() : NULL;
    redisReply *replies[3] = {NULL, NULL, NULL};
    enum verdict verdict = at ? UNDECIDED : NOT_OURS;
    if (redis && !redis->err) {
        redisAppendCommand(redis, "GET byname:{cache}:3:lease");
        redisAppendCommand(redis, "HMGET byname:{cache}:3:hosted @l %s", at + 1);
        redisAppendCommand(redis, "HMGET byname:{cache}:3:d:%s @ @c %b", at + 1, address, (size_t)(at - address));
        for (int i = 0; i < 3 && redisGetReply(redis, (void **)&replies[i]) == REDIS_OK; i++)
            ;
        verdict = judge(replies, address, at + 1, mailbox);
    }
    for (int i = 0; i < 3; i++)
        if (replies[i])
            freeReplyObject(replies[i]);
    if (redis)
        give_back(redis);
    return verdict;
}

static sfsistat on_mail(SMFICTX *context, char **arguments)
{
    struct session *session = smfi_getpriv(context);
    (void)arguments;
    if (!session) {
        session = calloc(1, sizeof *session);
        if (!session || smfi_setpriv(context, session) != MI_SUCCESS)
            return SMFIS_TEMPFAIL;
    }
    forget(session);
    return SMFIS_CONTINUE;
}

static sfsistat on_rcpt(SMFICTX *context, char **arguments)
{
    struct session *session = smfi_getpriv(context);
    struct recipient *recipient = session ? calloc(1, sizeof *recipient) : NULL;
    char *address;
    size_t length = 0;
    if (!recipient)
        return SMFIS_TEMPFAIL;
    address = recipient->address;
    snprintf(recipient->raw, LINE, "%s", arguments[0]);
    for (const char *from = arguments[0]; *from && length < LINE - 1; from++)
        if (*from != '<' && *from != '>')
            address[length++] = (char)tolower((unsigned char)*from);
    address[length] = '\0';
    enum verdict verdict = look_up(address, recipient->mailbox);
    if (verdict == DELIVER) {
        recipient->next = session->recipients;
        session->recipients = recipient;
        return SMFIS_CONTINUE;
    }
    if (verdict == UNKNOWN) {
        smfi_setreply(context, "550", "5.1.1", "user unknown");
        fprintf(stderr, "recipient rcpt=%s verdict=reject\n", address);
    }
    free(recipient);
    if (verdict == UNKNOWN)
        return SMFIS_REJECT;
    return verdict == NOT_OURS ? SMFIS_CONTINUE : SMFIS_TEMPFAIL;
}

static sfsistat on_header(SMFICTX *context, char *name, char *value)
{
    struct session *session = smfi_getpriv(context);
    (void)value;
    if (session && !strcasecmp(name, "Delivered-To"))
        session->delivered_to++;
    return SMFIS_NOREPLY; /* as negotiated; any other answer is a line in the system's log */
}

static sfsistat on_end(SMFICTX *context)
{
    struct session *session = smfi_getpriv(context);
    const char *queue_id = smfi_getsymval(context, "i");
    char field[LINE + 1];
    for (int i = session->delivered_to; i > 0; i--)
        smfi_chgheader(context, "Delivered-To", i, NULL);
    for (struct recipient *one = session->recipients; one; one = one->next)
        smfi_delrcpt(context, one->raw);
    for (struct recipient *one = session->recipients; one; one = one->next) {
        snprintf(field, sizeof field, "<%.*s>", LINE - 3, one->mailbox);
        smfi_addrcpt(context, field);
        fprintf(stderr, "%s: recipient rcpt=%s verdict=deliver mailbox=%s\n", queue_id ? queue_id : "-", one->raw, one->mailbox);
    }
    if (session->recipients && !session->recipients->next) {
        snprintf(field, sizeof field, " %.*s", LINE - 3, session->recipients->address);
        smfi_insheader(context, 0, "Delivered-To", field);
    }
    forget(session);
    return SMFIS_CONTINUE;
}

static sfsistat on_abort(SMFICTX *context)
{
    if (smfi_getpriv(context))
        forget(smfi_getpriv(context));
    return SMFIS_CONTINUE;
}

static sfsistat on_close(SMFICTX *context)
{
    on_abort(context);
    free(smfi_getpriv(context));
    smfi_setpriv(context, NULL);
    return SMFIS_CONTINUE;
}

/* Ask for what is used only, as Byname does: MAIL, RCPT, header without reply, end of message. */
static sfsistat on_negotiate(SMFICTX *context, unsigned long actions, unsigned long events, unsigned long f2,
                             unsigned long f3, unsigned long *want_actions, unsigned long *want_events,
                             unsigned long *want_f2, unsigned long *want_f3)
{
    (void)context, (void)f2, (void)f3;
    *want_actions = actions & (SMFIF_ADDHDRS | SMFIF_CHGHDRS | SMFIF_ADDRCPT | SMFIF_DELRCPT);
    *want_events = events & (SMFIP_NOCONNECT | SMFIP_NOHELO | SMFIP_NOBODY | SMFIP_NOUNKNOWN | SMFIP_NODATA | SMFIP_NOEOH |
                             SMFIP_NR_HDR | SMFIP_HDR_LEADSPC);
    *want_f2 = *want_f3 = 0;
    return SMFIS_CONTINUE;
}

int main(int count, char **words)
{
    struct smfiDesc filter = {
        .xxfi_name = "yardstick", .xxfi_version = SMFI_VERSION,
        .xxfi_flags = SMFIF_ADDHDRS | SMFIF_CHGHDRS | SMFIF_ADDRCPT | SMFIF_DELRCPT,
        .xxfi_envfrom = on_mail, .xxfi_envrcpt = on_rcpt, .xxfi_header = on_header, .xxfi_eom = on_end,
        .xxfi_abort = on_abort, .xxfi_close = on_close, .xxfi_negotiate = on_negotiate,
    };
    if (count != 3)
        return 2;
    redis_path = words[2];
    umask(007); /* as Byname's: the group of a setgid folder may use the socket */
    setvbuf(stderr, NULL, _IOLBF, BUFSIZ); /* a line, a write: as Byname's log */
    if (smfi_register(filter) != MI_SUCCESS || smfi_setconn(words[1]) != MI_SUCCESS)
        return 1;
    return smfi_main() == MI_SUCCESS ? 0 : 1;
}
