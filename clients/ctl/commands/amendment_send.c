#include "clients/ctl/commands/amendment_send.h"

#include "clients/ctl/screen/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

bool amendment_read_number(const char *text, int64_t *number)
{
    enum { DIGITS_MAX = 9 };
    size_t digits = strspn(text, "0123456789");
    *number = strtoll(text, NULL, 10);
    return digits > 0 && digits <= DIGITS_MAX && text[digits] == '\0';
}

json_t *amendment_post(struct session *session, int64_t rollout, const char *part, json_t *body, int *code)
{
    char path[128], subject[64];
    (void)snprintf(path, sizeof path, "/v1/rollouts/%" PRId64 "/amendments%s", rollout, part);
    (void)snprintf(subject, sizeof subject, "rollout %" PRId64, rollout);
    return session_post(session, path, body, subject, code);
}

void amendment_show_done(const struct session *session, const json_t *answer, const char *done)
{
    struct buffer out = {0};
    const json_t *amendment = json_object_get(answer, "amendment");
    const char *state = document_text(amendment, "state");
    if (session->json) {
        session_put_json(session, answer);
        return;
    }
    buffer_format(&out, "rollout %" PRId64 "  ", document_number(answer, "rollout"));
    screen_begin_tone(&session->out, TONE_STRONG, &out);
    (void)text_put_clean(&out, document_text(answer, "name"), 0, session->out.utf8);
    screen_end_tone(&session->out, TONE_STRONG, &out);
    buffer_format(&out, "  amendment %" PRId64 " %s%s; it is ", document_number(amendment, "amendment"),
                  json_is_true(json_object_get(answer, "existing")) ? "was already " : "", done);
    text_put_name(&out, state);
    buffer_format(&out, ", version %" PRId64 "\n", document_number(answer, "version"));
    session_put(&out);
    buffer_free(&out);
}
