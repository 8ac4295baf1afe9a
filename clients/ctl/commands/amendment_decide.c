#include "clients/ctl/commands/amendment_decide.h"

#include "clients/ctl/commands/amendment_send.h"
#include "clients/ctl/commands/amendment_words.h"

#include <inttypes.h>
#include <string.h>

struct search {
    int64_t number;
    json_t *found;
};

static bool take_amendment(void *context, const json_t *amendment)
{
    struct search *search = context;
    if (document_number(amendment, "amendment") == search->number)
        search->found = json_incref((json_t *)amendment);
    return search->found == NULL;
}

/* Shows what is decided on standard error, since standard output is for the answer. */
static void show_subject(const struct session *session, const json_t *amendment, const char *digest)
{
    struct buffer text = {0}, out = {0};
    if (session->quiet)
        return;
    buffer_format(&out, "amendment %" PRId64 "\n", document_number(amendment, "amendment"));
    amendment_put_change(document_text(amendment, "kind"), amendment, &text);
    facts_put(&session->err, "changes", buffer_text(&text), &out);
    facts_put(&session->err, "digest", digest, &out);
    facts_put(&session->err, "ordered by", document_text(amendment, "author"), &out);
    facts_put(&session->err, "reason", document_text(amendment, "reason"), &out);
    (void)fputs(buffer_text(&out), stderr);
    buffer_free(&text);
    buffer_free(&out);
}

/* What a verb says when it asks and when it is done. */
struct verb {
    const char *name, *question, *done;
};
static const struct verb approve = {"approve", "Approve it?", "approved"},
                         reject = {"reject", "Reject it?", "rejected"},
                         withdraw = {"withdraw", "Withdraw it?", "withdrawn"};

/* `digest` NULL: that of the amendment. */
static int decide(struct session *session, int64_t rollout, const json_t *amendment, const struct verb *verb,
                  const char *digest, const char *reason)
{
    int code = EXIT_HEALTHY;
    char part[64];
    if (digest == NULL)
        digest = document_text(amendment, "digest");
    show_subject(session, amendment, digest);
    if (session_has(session, "dry-run")) {
        if (session->json)
            session_put_json(session, amendment);
        return code;
    }
    if (!session_confirm(session, verb->question))
        return session_fail(session, EXIT_ERROR, "nothing was %s", verb->done);
    json_t *body = json_pack("{s:s, s:s}", "digest", digest, "reason", reason);
    if (body == NULL)
        return session_fail_usage(session, "--digest and --reason: must be UTF-8");
    (void)snprintf(part, sizeof part, "/%" PRId64 "/%s", document_number(amendment, "amendment"), verb->name);
    json_t *answer = amendment_post(session, rollout, part, body, &code);
    if (answer != NULL)
        amendment_show_done(session, answer, verb->done);
    json_decref(answer);
    return code;
}

/* Finds the amendment whose number is in `option`, and decides about it. */
static int find_and_decide(struct session *session, int64_t rollout, const char *option, const struct verb *verb,
                           const char *digest, const char *reason)
{
    char path[64];
    struct search search = {.found = NULL};
    const char *number = session_option(session, option);
    if (!amendment_read_number(number, &search.number) || search.number == 0)
        return session_fail_usage(session, "--%s: found \"%.32s\", allowed: a number from 1", option, number);
    (void)snprintf(path, sizeof path, "/v1/rollouts/%" PRId64 "/amendments", rollout);
    int code = session_walk(session, path, "amendments", take_amendment, &search);
    if (code == EXIT_HEALTHY && search.found == NULL)
        return session_fail(session, EXIT_ERROR, "rollout %" PRId64 " has no amendment %" PRId64, rollout,
                            search.number);
    if (code == EXIT_HEALTHY)
        code = decide(session, rollout, search.found, verb, digest, reason);
    json_decref(search.found);
    return code;
}

int amendment_decide(struct session *session, int64_t rollout, const char *verb, const char *reason)
{
    if (session_option(session, "group") != NULL)
        return session_fail_usage(session, "--amendment and --group: give one of them");
    const struct verb *chosen = strcmp(verb, approve.name) == 0 ? &approve : &reject;
    return find_and_decide(session, rollout, "amendment", chosen, session_option(session, "digest"), reason);
}

int amendment_withdraw(struct session *session, int64_t rollout, const char *reason)
{
    return find_and_decide(session, rollout, "withdraw", &withdraw, NULL, reason);
}
