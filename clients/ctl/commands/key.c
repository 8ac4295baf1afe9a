#include "clients/ctl/commands/run.h"
#include "clients/ctl/commands/session.h"
#include "topics/token.h"

/* A fault of a local file must not exit like an unreachable server. */
static int fail(const struct session *session, const struct tc_fault *fault)
{
    return session_fail(session, EXIT_ERROR, "%s", fault->text);
}

int run_key_create(struct session *session)
{
    const char *path = session_argument(session, 0);
    struct tc_fault fault;
    struct signing_key *key;
    if (signing_key_create(path, &fault) != TC_OK || signing_key_open(path, &key, &fault) != TC_OK)
        return fail(session, &fault);
    (void)printf("%s\n", signing_key_id(key));
    session_say(session, "%s: signing key created; for its public half: tellercast key public %s", path, path);
    signing_key_close(key);
    return EXIT_HEALTHY;
}

int run_key_public(struct session *session)
{
    struct tc_fault fault;
    struct signing_key *key;
    struct buffer document = {0};
    if (signing_key_open(session_argument(session, 0), &key, &fault) != TC_OK)
        return fail(session, &fault);
    signing_key_public_set(key, &document);
    if (document.length > 0 && document.bytes[document.length - 1] != '\n')
        buffer_put_text(&document, "\n");
    session_put(&document);
    buffer_free(&document);
    signing_key_close(key);
    return EXIT_HEALTHY;
}
