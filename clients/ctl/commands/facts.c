#include "clients/ctl/commands/session.h"

#include "clients/ctl/screen/text.h"

void facts_put(const struct screen *screen, const char *name, const char *value, struct buffer *out)
{
    if (*value == '\0')
        return;
    screen_begin_tone(screen, TONE_FAINT, out);
    buffer_format(out, "  %-12s ", name);
    screen_end_tone(screen, TONE_FAINT, out);
    (void)text_put_clean(out, value, 0, screen->utf8);
    buffer_put_text(out, "\n");
}

void session_put_fact(const struct session *session, const char *name, const char *value, struct buffer *out)
{
    facts_put(&session->out, name, value, out);
}

void session_put_pairs(const struct session *session, const char *name, const json_t *object, struct buffer *out)
{
    struct buffer text = {0};
    document_put_pairs(object, &text);
    session_put_fact(session, name, buffer_text(&text), out);
    buffer_free(&text);
}

void session_put_heading(const struct session *session, const char *text, struct buffer *out)
{
    screen_begin_tone(&session->out, TONE_STRONG, out);
    (void)text_put_clean(out, text, 0, session->out.utf8);
    screen_end_tone(&session->out, TONE_STRONG, out);
    buffer_put_text(out, "\n");
}
