/* Enrolment codes, and the revocation of a device's certificates. */
#include "clients/ctl/commands/device.h"
#include "clients/ctl/commands/run.h"
#include "clients/ctl/screen/text.h"

#include <inttypes.h>

static json_t *make_code(struct session *session, int64_t valid_s, int *code)
{
    struct buffer path = {0}, subject = {0};
    buffer_put_text(&path, "/v1/devices/");
    http_put_escaped(&path, session_argument(session, 0));
    buffer_format(&path, "/enrolments?valid_for_s=%" PRId64, valid_s);
    buffer_put_text(&subject, "device ");
    (void)text_put_clean(&subject, session_argument(session, 0), 0, session->err.utf8);
    json_t *answer = session_post(session, buffer_text(&path), NULL, buffer_text(&subject), code);
    buffer_free(&subject);
    buffer_free(&path);
    return answer;
}

static void show_code(const struct session *session, const json_t *answer)
{
    struct buffer out = {0}, until = {0};
    (void)text_put_clean(&out, document_text(answer, "code"), 0, session->out.utf8);
    buffer_put_text(&out, "\n");
    session_put(&out);
    text_put_time(&until, document_text(answer, "expires_at"));
    session_say(session, "%s: this code is good for one enrolment, until %s. It is not shown again.",
                document_text(answer, "device"), buffer_text(&until));
    buffer_free(&until);
    buffer_free(&out);
}

int run_device_enroll(struct session *session)
{
    int code;
    int64_t valid_s;
    if (!session_duration_s(session, "valid-for", &valid_s, &code))
        return code;
    json_t *answer = make_code(session, valid_s, &code);
    if (answer == NULL)
        return code;
    if (session->json)
        session_put_json(session, answer);
    else
        show_code(session, answer);
    json_decref(answer);
    return EXIT_HEALTHY;
}

static void show_revoked(const struct session *session, const json_t *answer)
{
    struct buffer out = {0};
    screen_begin_tone(&session->out, TONE_STRONG, &out);
    (void)text_put_clean(&out, document_text(answer, "device"), 0, session->out.utf8);
    screen_end_tone(&session->out, TONE_STRONG, &out);
    buffer_put_text(&out, "  revoked all certificates that began before ");
    (void)text_put_clean(&out, document_text(answer, "at"), 0, session->out.utf8);
    buffer_format(&out, "; the database knows %zu of them\n", json_array_size(json_object_get(answer, "revoked")));
    buffer_put_text(&out, "The broker's guard disconnects the device at once. A broker without the guard refuses only "
                          "the certificates that its next revocation list names: tellercast device crl\n");
    session_put(&out);
    buffer_free(&out);
}

int run_device_revoke(struct session *session)
{
    int code;
    json_t *answer = device_order(session, "revoke", &code);
    if (answer == NULL)
        return code;
    if (session->json)
        session_put_json(session, answer);
    else
        show_revoked(session, answer);
    json_decref(answer);
    return EXIT_HEALTHY;
}

int run_device_crl(struct session *session)
{
    int code;
    json_t *answer = session_get(session, "/v1/devices:crl", "revocation list", &code);
    if (answer == NULL)
        return code;
    struct buffer out = {0};
    buffer_put_text(&out, document_text(answer, "crl"));
    if (session->json)
        session_put_json(session, answer);
    else
        session_put(&out);
    buffer_free(&out);
    json_decref(answer);
    return EXIT_HEALTHY;
}
