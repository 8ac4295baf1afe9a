#include "config/document.h"

#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A text that is cut inside a character is not valid in JSON. */
static void cut_to_whole_characters(char *text)
{
    text[utf8_valid_length(text, strlen(text))] = '\0';
}

void document_fault_add(struct document_faults *faults, unsigned line, unsigned column, const char *path,
                        const char *format, ...)
{
    faults->total++;
    if (faults->count == DOCUMENT_FAULTS_MAX)
        return;
    if (faults->items == NULL) {
        faults->items = calloc(DOCUMENT_FAULTS_MAX, sizeof *faults->items);
        TC_CHECK(faults->items != NULL);
    }
    struct document_fault *fault = &faults->items[faults->count++];
    fault->line = line;
    fault->column = column;
    (void)snprintf(fault->path, sizeof fault->path, "%s", path);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(fault->detail, sizeof fault->detail, format, arguments);
    va_end(arguments);
    cut_to_whole_characters(fault->path);
    cut_to_whole_characters(fault->detail);
}

static int compare_places(const void *left, const void *right)
{
    const struct document_fault *a = left, *b = right;
    if (a->line != b->line)
        return a->line < b->line ? -1 : 1;
    if (a->column != b->column)
        return a->column < b->column ? -1 : 1;
    int by_path = strcmp(a->path, b->path);
    return by_path != 0 ? by_path : strcmp(a->detail, b->detail);
}

void document_faults_sort(struct document_faults *faults)
{
    if (faults->count > 1)
        qsort(faults->items, faults->count, sizeof *faults->items, compare_places);
}

void document_faults_free(struct document_faults *faults)
{
    free(faults->items);
    *faults = (struct document_faults){0};
}

void document_faults_print(const struct document_faults *faults, const char *name, struct buffer *out)
{
    for (size_t i = 0; i < faults->count; i++) {
        const struct document_fault *fault = &faults->items[i];
        buffer_put_text(out, name);
        if (fault->line > 0)
            buffer_format(out, ":%u:%u", fault->line, fault->column);
        if (fault->path[0] != '\0')
            buffer_format(out, ": %s", fault->path);
        buffer_format(out, ": %s\n", fault->detail);
    }
    if (faults->total > faults->count)
        buffer_format(out, "%s: and %zu more\n", name, faults->total - faults->count);
}

json_t *document_faults_json(const struct document_faults *faults)
{
    json_t *list = json_array();
    TC_CHECK(list != NULL);
    for (size_t i = 0; i < faults->count; i++) {
        const struct document_fault *fault = &faults->items[i];
        json_t *item = json_pack("{s:i, s:i, s:s, s:s}", "line", (int)fault->line, "column", (int)fault->column, "path",
                                 fault->path, "detail", fault->detail);
        TC_CHECK(item != NULL && json_array_append_new(list, item) == 0);
    }
    return list;
}
