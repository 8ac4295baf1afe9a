#include "base/id.h"
#include "base/url.h"
#include "clients/ctl/commands/plan.h"
#include "clients/ctl/commands/rollout.h"
#include "clients/ctl/commands/run.h"
#include "clients/ctl/endpoints/submit.h"
#include "clients/ctl/screen/text.h"
#include "topics/topic.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum endpoint { ENDPOINT_HTTP, ENDPOINT_MQTT, ENDPOINT_SOCKET };

static bool read_endpoint(const struct session *session, enum endpoint *endpoint, int *code)
{
    static const char *const names[] = {"http", "mqtt", "socket"};
    const char *text = session_option(session, "via");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(names[i], text) == 0) {
            *endpoint = (enum endpoint)i;
            return true;
        }
    }
    *code = session_fail_usage(session, "--via: found \"%.32s\", allowed: http, mqtt, socket", text);
    return false;
}

static bool check_key(const struct session *session, enum endpoint endpoint, int *code)
{
    const char *key = session_option(session, "idempotency-key");
    if (key == NULL)
        return true;
    if (endpoint != ENDPOINT_HTTP)
        *code = session_fail_usage(session, "--idempotency-key: only with --via http; otherwise submitting the same "
                                            "plan again returns the same rollout");
    else if (!name_is_valid(key, strlen(key)))
        *code = session_fail_usage(
            session, "--idempotency-key: found \"%.80s\", allowed: 1 to 64 of A-Z a-z 0-9 _ - . : +", key);
    else
        return true;
    return false;
}

/* Finds the user name for the broker. It is never empty: the response topic contains it. */
static bool find_user(const struct session *session, const char **user, int *code)
{
    *user = session_option(session, "user");
    if (*user == NULL)
        *user = getenv("USER");
    if (*user == NULL || **user == '\0')
        *user = "operator";
    if (id_is_valid(*user, strlen(*user)))
        return true;
    *code = session_fail_usage(session, "--user: found \"%.80s\", allowed: 1 to 64 of A-Z a-z 0-9 _ -", *user);
    return false;
}

static int submit_mqtt(struct session *session, const struct submit_plan *plan, struct submit_answer *answer)
{
    int code = EXIT_ERROR;
    struct tc_fault fault;
    struct submit_broker broker = {
        .address = session_option(session, "broker"),
        .password_file = session_option(session, "password-file"),
        .ca_file = session_option(session, "ca-file"),
        .certificate_file = session_option(session, "certificate-file"),
        .key_file = session_option(session, "key-file"),
        .root = session_option(session, "root"),
    };
    if (!topic_root_is_valid(broker.root))
        return session_fail_usage(session, "--root: found \"%.80s\", allowed: levels of A-Z a-z 0-9 _ - . joined by /",
                                  broker.root);
    if (url_may_have_user(broker.address))
        return session_fail_usage(session, "--broker: a user in the address is not allowed; use --user and "
                                           "--password-file");
    if (url_find_fault(broker.address) != NULL)
        return session_fail_usage(session, "--broker: %s; allowed: [mqtts://]HOST:PORT",
                                  url_find_fault(broker.address));
    if (!find_user(session, &broker.user, &code))
        return code;
    if (submit_by_mqtt(&broker, plan, answer, &fault) != TC_OK)
        return session_fail_fault(session, &fault);
    return EXIT_HEALTHY;
}

static int submit(struct session *session, enum endpoint endpoint, const struct submit_plan *plan,
                  struct submit_answer *answer)
{
    int code = EXIT_HEALTHY;
    struct tc_fault fault;
    if (endpoint == ENDPOINT_MQTT)
        return submit_mqtt(session, plan, answer);
    if (endpoint == ENDPOINT_SOCKET) {
        if (submit_by_socket(session_option(session, "socket"), plan, answer, &fault) != TC_OK)
            return session_fail_fault(session, &fault);
        return EXIT_HEALTHY;
    }
    struct http *http = session_http(session, &code);
    if (http != NULL && submit_by_http(http, plan, answer, &fault) != TC_OK)
        return session_fail_fault(session, &fault);
    return code;
}

static void show_accepted(const struct session *session, const json_t *rollout)
{
    if (session->json) {
        session_put_json(session, rollout);
        return;
    }
    int64_t id = document_number(rollout, "rollout");
    struct buffer out = {0};
    if (session->quiet) {
        buffer_format(&out, "%" PRId64 "\n", id);
    } else {
        buffer_format(&out, "rollout %" PRId64 "  ", id);
        screen_begin_tone(&session->out, TONE_STRONG, &out);
        (void)text_put_clean(&out, document_text(rollout, "name"), 0, session->out.utf8);
        screen_end_tone(&session->out, TONE_STRONG, &out);
        buffer_format(&out, "  %s, ", document_text(rollout, "state"));
        text_put_count(&out, document_number(rollout, "devices"));
        buffer_format(&out, "%s%s\n", document_number(rollout, "devices") == 1 ? " device" : " devices",
                      json_is_true(json_object_get(rollout, "existing")) ? "  (already submitted)" : "");
    }
    session_put(&out);
    (void)fflush(stdout);
    buffer_free(&out);
    if (*document_text(rollout, "detail") != '\0')
        session_say(session, "It is %s because: %s", document_text(rollout, "state"), document_text(rollout, "detail"));
}

static int submit_content(struct session *session, enum endpoint endpoint, const char *path,
                          const struct buffer *content, int64_t timeout_ms)
{
    const struct submit_plan plan = {buffer_text(content), content->length, session_option(session, "idempotency-key")};
    struct submit_answer answer = {0};
    int code = submit(session, endpoint, &plan, &answer);
    if (code != EXIT_HEALTHY)
        return code;
    bool accepted = answer.status >= 200 && answer.status < 300;
    int64_t id = document_number(answer.document, "rollout");
    if (accepted)
        show_accepted(session, answer.document);
    else
        code = session_report_problem(session, path, answer.status, answer.document);
    if (accepted && strcmp(document_text(answer.document, "state"), "rejected") == 0)
        code = EXIT_ABORTED;
    json_decref(answer.document);
    if (accepted && session_has(session, "wait"))
        code = watch_rollouts(session, &id, 1, WATCH_ON_STDERR, false, timeout_ms);
    return code;
}

int run_rollout_submit(struct session *session)
{
    const char *path = session_argument(session, 0);
    int code = EXIT_HEALTHY;
    int64_t timeout_ms;
    enum endpoint endpoint;
    struct buffer content = {0};
    if (!read_endpoint(session, &endpoint, &code) || !check_key(session, endpoint, &code) ||
        !rollout_timeout(session, &timeout_ms, &code))
        return code;
    struct plan *plan = plan_read(session, path, &content, &code);
    /* Sends the file, not the canonical form: the lines in the daemon's faults then match the file. */
    if (plan != NULL)
        code = submit_content(session, endpoint, path, &content, timeout_ms);
    plan_free(plan);
    buffer_free(&content);
    return code;
}
