/* Returns devices to service, and retires them. */
#include "clients/ctl/commands/device.h"
#include "clients/ctl/commands/run.h"
#include "clients/ctl/screen/text.h"

#include <string.h>

static void put_device(const struct session *session, const json_t *answer, struct buffer *out)
{
    screen_begin_tone(&session->out, TONE_STRONG, out);
    (void)text_put_clean(out, document_text(answer, "device"), 0, session->out.utf8);
    screen_end_tone(&session->out, TONE_STRONG, out);
}

static void put_returned(const struct session *session, const json_t *answer, struct buffer *out)
{
    put_device(session, answer, out);
    if (strcmp(document_text(answer, "code"), "device_retired") == 0)
        buffer_put_text(out, "  returned; it was retired since ");
    else
        buffer_format(out, "  returned; it was out of service (%s) since ", document_text(answer, "code"));
    text_put_time(out, document_text(answer, "since"));
}

static void put_retired(const struct session *session, const json_t *answer, struct buffer *out)
{
    put_device(session, answer, out);
    buffer_put_text(out, "  retired");
}

json_t *device_order(struct session *session, const char *operation, int *code)
{
    struct buffer path = {0}, subject = {0};
    buffer_put_text(&path, "/v1/devices/");
    http_put_escaped(&path, session_argument(session, 0));
    buffer_format(&path, "/%s", operation);
    buffer_put_text(&subject, "device ");
    (void)text_put_clean(&subject, session_argument(session, 0), 0, session->err.utf8);
    json_t *answer = session_order(session, buffer_text(&path), buffer_text(&subject), code);
    buffer_free(&subject);
    buffer_free(&path);
    return answer;
}

static int operate(struct session *session, const char *operation,
                   void (*put)(const struct session *session, const json_t *answer, struct buffer *out))
{
    int code;
    json_t *answer = device_order(session, operation, &code);
    if (answer == NULL)
        return code;
    struct buffer out = {0};
    if (session->json) {
        session_put_json(session, answer);
    } else {
        put(session, answer, &out);
        buffer_put_text(&out, "\n");
        session_put(&out);
    }
    buffer_free(&out);
    json_decref(answer);
    return EXIT_HEALTHY;
}

int run_device_return(struct session *session)
{
    return operate(session, "return", put_returned);
}

int run_device_retire(struct session *session)
{
    return operate(session, "retire", put_retired);
}
