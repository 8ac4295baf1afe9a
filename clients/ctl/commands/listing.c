#include "clients/ctl/commands/session.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { PAGE_ELEMENTS = 1000 };

/* Writes the path of the page after `next`, which is a device ID or a number. */
static void put_page_path(const char *path, int64_t elements, const json_t *next, struct buffer *out)
{
    buffer_put_text(out, path);
    if (elements == 0)
        return;
    buffer_format(out, "%climit=%" PRId64, strchr(path, '?') == NULL ? '?' : '&', elements);
    if (json_is_string(next)) {
        buffer_put_text(out, "&after=");
        http_put_escaped(out, json_string_value(next));
    } else if (json_is_integer(next)) {
        buffer_format(out, "&after=%" JSON_INTEGER_FORMAT, json_integer_value(next));
    }
}

/* Reads pages of `elements` each, or the whole list at once with 0. `page` takes them and returns whether to
 * continue. */
static int walk_pages(struct session *session, const char *path, const char *key, int64_t elements,
                      bool (*page)(void *context, const json_t *elements), void *context)
{
    int code = EXIT_HEALTHY;
    json_t *next = NULL;
    bool more = true;
    while (more) {
        struct buffer page_path = {0};
        put_page_path(path, elements, next, &page_path);
        json_t *document = session_get(session, buffer_text(&page_path), key, &code);
        buffer_free(&page_path);
        json_decref(next);
        next = NULL;
        if (document == NULL)
            return code;
        const json_t *list = json_object_get(document, key);
        next = json_incref(json_object_get(document, "next"));
        more = page(context, list) && next != NULL && !json_is_null(next);
        json_decref(document);
    }
    json_decref(next);
    return code;
}

struct walk {
    bool (*take)(void *context, const json_t *element);
    void *context;
};

static bool take_page(void *context, const json_t *elements)
{
    const struct walk *walk = context;
    size_t i;
    const json_t *element;
    json_array_foreach(elements, i, element)
    {
        if (!walk->take(walk->context, element))
            return false;
    }
    return true;
}

int session_walk(struct session *session, const char *path, const char *key,
                 bool (*take)(void *context, const json_t *element), void *context)
{
    return walk_pages(session, path, key, PAGE_ELEMENTS, take_page, &(struct walk){take, context});
}

struct list_output {
    const struct session *session;
    const struct listing *listing;
    int64_t shown;
    bool begun;
};

static bool list_page(void *context, const json_t *elements)
{
    struct list_output *output = context;
    const struct listing *listing = output->listing;
    struct table table = table_start(listing->columns, listing->column_count);
    bool titles = output->shown == 0;
    bool more = true;
    if (output->session->json && !output->begun) {
        (void)fprintf(stdout, "{\"%s\":[", listing->key);
        output->begun = true;
    }
    size_t i;
    const json_t *element;
    json_array_foreach(elements, i, element)
    {
        if (output->session->json) {
            (void)fputs(output->shown == 0 ? "" : ",\n ", stdout);
            (void)json_dumpf(element, stdout, JSON_COMPACT | JSON_ENCODE_ANY);
        } else {
            listing->add(&table, element);
        }
        more = ++output->shown != listing->most;
        if (!more)
            break;
    }
    if (table.cell_count > 0) {
        struct buffer text = {0};
        table_put(&table, &output->session->out, titles, &text);
        session_put(&text);
        buffer_free(&text);
    }
    table_free(&table);
    return more;
}

int session_list(struct session *session, const struct listing *listing)
{
    struct list_output output = {session, listing, 0, false};
    int64_t elements = listing->most > 0 && listing->most < PAGE_ELEMENTS ? listing->most : PAGE_ELEMENTS;
    int code = walk_pages(session, listing->path, listing->key, listing->unpaged ? 0 : elements, list_page, &output);
    if (output.begun)
        (void)fputs("]}\n", stdout);
    else if (code == EXIT_HEALTHY && output.shown == 0)
        session_say(session, "%s", listing->empty_message);
    return code;
}
