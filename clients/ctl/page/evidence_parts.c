#include "clients/ctl/page/evidence_parts.h"

#include "clients/ctl/picture/markup.h"
#include "clients/ctl/screen/text.h"

#include <string.h>

const char *evidence_text(const json_t *document, const char *key)
{
    const char *text = json_string_value(json_object_get(document, key));
    return text == NULL ? "" : text;
}

int64_t evidence_number(const json_t *document, const char *key)
{
    return json_integer_value(json_object_get(document, key));
}

void evidence_put_heading(const char *title, struct buffer *out)
{
    buffer_put_text(out, "<h2>");
    markup_put(out, title);
    buffer_put_text(out, "</h2>\n");
}

void evidence_begin_table(const char *class, const char *const *titles, size_t count, struct buffer *out)
{
    buffer_format(out, "<table class=\"%s\">\n<thead><tr>", class);
    for (size_t i = 0; i < count; i++) {
        bool number = titles[i][0] == '#';
        buffer_format(out, "<th scope=\"col\"%s>", number ? " class=\"n\"" : "");
        markup_put(out, titles[i] + number);
        buffer_put_text(out, "</th>");
    }
    buffer_put_text(out, "</tr></thead>\n");
}

void evidence_end_table(struct buffer *out)
{
    buffer_put_text(out, "</table>\n");
}

void evidence_put_cell(const char *class, const char *text, struct buffer *out)
{
    buffer_format(out, *class == '\0' ? "<td>%s" : "<td class=\"%s\">", class);
    markup_put(out, *text == '\0' ? "–" : text);
    buffer_put_text(out, "</td>");
}

void evidence_put_count(int64_t count, struct buffer *out)
{
    struct buffer text = {0};
    text_put_count(&text, count);
    evidence_put_cell(count == 0 ? "n z" : "n", buffer_text(&text), out);
    buffer_free(&text);
}

/* Without a zone: the page says once that all times are UTC. */
void evidence_put_time_text(const char *rfc3339, struct buffer *out)
{
    struct buffer text = {0};
    text_put_time(&text, rfc3339);
    if (text.length > 0 && text.bytes[text.length - 1] == 'Z')
        text.bytes[--text.length] = '\0';
    markup_put(out, buffer_text(&text));
    buffer_free(&text);
}

void evidence_put_time(const char *rfc3339, struct buffer *out)
{
    buffer_put_text(out, "<td class=\"t\">");
    if (*rfc3339 == '\0')
        buffer_put_text(out, "–");
    else
        evidence_put_time_text(rfc3339, out);
    buffer_put_text(out, "</td>");
}

void evidence_put_words(const char *name, struct buffer *out)
{
    struct buffer words = {0};
    text_put_name(&words, name);
    markup_put(out, buffer_text(&words));
    buffer_free(&words);
}

void evidence_put_state(const char *state, struct buffer *out)
{
    static const struct {
        const char *state, *class;
    } classes[] = {
        {"completed", "good"}, {"passed", "good"},
        {"approved", "good"},  {"failed", "bad"},
        {"timed_out", "bad"},  {"rejected", "bad"},
        {"halted", "bad"},     {"not_reached", "bad"},
        {"aborted", "bad"},    {"cancelled", "warn"},
        {"expired", "warn"},   {"cancelling", "warn"},
        {"paused", "warn"},    {"awaiting_approval", "warn"},
    };
    const char *class = "plain";
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        if (strcmp(classes[i].state, state) == 0)
            class = classes[i].class;
    }
    buffer_format(out, "<span class=\"s %s\">", class);
    evidence_put_words(state, out);
    buffer_put_text(out, "</span>");
}

static int64_t failed_before(const json_t *part)
{
    const json_t *given_up = json_object_get(part, "given_up");
    return evidence_number(given_up, "failed") + evidence_number(given_up, "timed_out");
}

int64_t evidence_failed(const json_t *part)
{
    const json_t *counts = json_object_get(part, "counts");
    return evidence_number(counts, "failed") + evidence_number(counts, "timed_out") +
           evidence_number(counts, "rejected") + failed_before(part);
}

int64_t evidence_not_started(const json_t *part)
{
    const json_t *counts = json_object_get(part, "counts");
    return evidence_number(counts, "cancelled") + evidence_number(counts, "expired") - failed_before(part);
}
