#include "clients/ctl/endpoints/event_reader.h"

#include <string.h>

/* The value when the line has this name; NULL otherwise. */
static const char *value_of(const char *line, const char *name)
{
    size_t length = strlen(name);
    if (strncmp(line, name, length) != 0 || line[length] != ':')
        return NULL;
    return line + length + 1 + (line[length + 1] == ' ');
}

static void set(struct buffer *field, const char *value)
{
    buffer_clear(field);
    buffer_put_text(field, value);
}

static bool end_event(struct event_reader *reader, event_reader_take *take, void *context)
{
    bool goes_on = reader->data.length == 0 || take(context, buffer_text(&reader->kind), buffer_text(&reader->data),
                                                    buffer_text(&reader->position));
    buffer_clear(&reader->kind);
    buffer_clear(&reader->data);
    return goes_on;
}

static bool end_line(struct event_reader *reader, event_reader_take *take, void *context)
{
    const char *line = buffer_text(&reader->line), *value;
    if (*line == '\0')
        return end_event(reader, take, context);
    if ((value = value_of(line, "id")) != NULL)
        set(&reader->position, value);
    else if ((value = value_of(line, "event")) != NULL)
        set(&reader->kind, value);
    else if ((value = value_of(line, "data")) != NULL)
        buffer_format(&reader->data, "%s%s", reader->data.length == 0 ? "" : "\n", value);
    return true;
}

bool event_reader_put(struct event_reader *reader, const char *bytes, size_t length, event_reader_take *take,
                      void *context)
{
    for (size_t at = 0; at < length; at++) {
        if (bytes[at] == '\r')
            continue;
        if (bytes[at] == '\n') {
            bool goes_on = end_line(reader, take, context);
            buffer_clear(&reader->line);
            if (!goes_on)
                return false;
        } else if (reader->line.length + reader->data.length < EVENT_LINE_MAX) {
            buffer_put(&reader->line, &bytes[at], 1);
        } else {
            reader->is_broken = true;
            return false;
        }
    }
    return true;
}

void event_reader_begin(struct event_reader *reader)
{
    buffer_clear(&reader->line);
    buffer_clear(&reader->kind);
    buffer_clear(&reader->data);
}

void event_reader_free(struct event_reader *reader)
{
    buffer_free(&reader->line);
    buffer_free(&reader->kind);
    buffer_free(&reader->data);
    buffer_free(&reader->position);
}
