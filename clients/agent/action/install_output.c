#include "clients/agent/action/install_output.h"

#include "base/id.h"
#include "base/utf8.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const char line_separator[] = " | ";

/* Drops the oldest bytes when there is no space. */
static void append_tail(struct install_output *output, const char *text, size_t length)
{
    if (length > sizeof output->tail) {
        text += length - sizeof output->tail;
        length = sizeof output->tail;
    }
    size_t space = sizeof output->tail - output->tail_length;
    if (length > space) {
        size_t dropped = length - space;
        memmove(output->tail, output->tail + dropped, output->tail_length - dropped);
        output->tail_length -= dropped;
    }
    memcpy(output->tail + output->tail_length, text, length);
    output->tail_length += length;
}

static bool starts_with(char *line, const char *word, char **rest)
{
    size_t length = strlen(word);
    if (strncmp(line, word, length) != 0 || line[length] != ' ')
        return false;
    *rest = line + length + 1;
    return true;
}

static bool take_progress(struct install_output *output, char *text)
{
    int percent = 0;
    char *at = text;
    for (; *at >= '0' && *at <= '9' && percent <= 100; at++)
        percent = percent * 10 + (*at - '0');
    if (at == text || percent > 100 || (*at != ' ' && *at != '\0'))
        return false;
    mask_apply(output->mask, at, strlen(at));
    if (output->on_progress != NULL)
        output->on_progress(output->context, percent, *at == ' ' ? at + 1 : "");
    return true;
}

static bool take_version(struct install_output *output, const char *text)
{
    char name[TC_ID_SIZE];
    const char *space = strchr(text, ' ');
    if (space == NULL || !name_is_valid(text, (size_t)(space - text)) || !name_is_valid(space + 1, strlen(space + 1)))
        return false;
    (void)snprintf(name, sizeof name, "%.*s", (int)(space - text), text);
    if (output->on_version != NULL)
        output->on_version(output->context, name, space + 1);
    return true;
}

static bool take_code(struct install_output *output, const char *text)
{
    if (!name_is_valid(text, strlen(text)))
        return false;
    (void)snprintf(output->code, sizeof output->code, "%s", text);
    return true;
}

/* Returns whether the line is one. */
static bool take_command(struct install_output *output)
{
    char *rest;
    if (output->is_content)
        return false;
    return (starts_with(output->line, "progress", &rest) && take_progress(output, rest)) ||
           (starts_with(output->line, "version", &rest) && take_version(output, rest)) ||
           (starts_with(output->line, "code", &rest) && take_code(output, rest));
}

static void take_line(struct install_output *output)
{
    bool is_cut = output->line_is_cut;
    output->line[output->line_length] = '\0';
    size_t length = output->line_length;
    output->line_length = 0;
    output->line_is_cut = false;
    if (length == 0 || take_command(output))
        return;
    mask_apply(output->mask, output->line, length);
    if (is_cut)
        mask_cut_end(output->line, length);
    if (output->tail_length > 0)
        append_tail(output, line_separator, sizeof line_separator - 1);
    append_tail(output, output->line, length);
}

void install_output_take(struct install_output *output, const char *bytes, size_t length)
{
    install_log_take(&output->log, bytes, length);
    for (size_t i = 0; i < length; i++) {
        char c = bytes[i];
        if (c == '\n')
            take_line(output);
        else if (c != '\r' && output->line_length + 1 < sizeof output->line)
            output->line[output->line_length++] = c;
        else if (c != '\r')
            output->line_is_cut = true;
    }
}

void install_output_end(struct install_output *output)
{
    take_line(output);
}

void install_output_free(struct install_output *output)
{
    install_log_free(&output->log);
}

/* Bytes that are not UTF-8, and control characters, become '?': the text goes into a message and a log. */
void install_output_describe(const struct install_output *output, char *text, size_t size)
{
    size_t length = 0;
    const char *end = output->tail + output->tail_length;
    for (const char *at = output->tail; at < end;) {
        size_t width = utf8_character_length(at, (size_t)(end - at));
        bool plain = width > 0 && !utf8_is_control(at, width);
        size_t step = width == 0 ? 1 : width;
        if (length + step >= size)
            break;
        if (plain)
            memcpy(text + length, at, step);
        else
            memset(text + length, '?', step);
        length += step;
        at += step;
    }
    text[length] = '\0';
}
