#include "orchestrator/intake/http_list.h"

#include "orchestrator/intake/csv.h"
#include "orchestrator/store/read.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum format { FORMAT_JSON, FORMAT_CSV, FORMAT_LINES };

static const struct {
    const char *name, *type, *answer_type;
} formats[] = {
    [FORMAT_JSON] = {"json", "application/json", "application/json"},
    [FORMAT_CSV] = {"csv", "text/csv", "text/csv; charset=utf-8; header=present"},
    [FORMAT_LINES] = {"json-lines", "application/jsonl", "application/jsonl; charset=utf-8"},
};
enum { FORMATS = sizeof formats / sizeof *formats };

/* ---- what the client asks for ---- */

/* The first type of the header Accept that is one of the formats. */
static enum format find_accepted(const char *accept)
{
    while (accept != NULL && *accept != '\0') {
        accept += strspn(accept, ", \t");
        size_t length = strcspn(accept, ",; \t");
        for (size_t i = 0; i < FORMATS; i++) {
            if (strlen(formats[i].type) == length && strncasecmp(accept, formats[i].type, length) == 0)
                return (enum format)i;
        }
        accept += strcspn(accept, ",");
    }
    return FORMAT_JSON;
}

static enum tc_error read_format(const struct http_request *request, enum format *format, struct tc_fault *fault)
{
    const char *name = http_target_text(&request->target, "format");
    *format = find_accepted(http_request_header(request, MHD_HTTP_HEADER_ACCEPT));
    if (name == NULL)
        return TC_OK;
    for (size_t i = 0; i < FORMATS; i++) {
        *format = (enum format)i;
        if (strcmp(name, formats[i].name) == 0)
            return TC_OK;
    }
    return tc_fault_set(fault, TC_INVALID, "format: found \"%.32s\", allowed: json, csv, json-lines", name);
}

/* ---- the lines ---- */

struct lines {
    const struct http_list *list;
    enum format format;
    struct buffer text;
    char *next; /* the key after which the list goes on; NULL: it has ended */
    int64_t left;
};

static void put_element(struct lines *lines, const json_t *element)
{
    if (lines->format == FORMAT_LINES) {
        char *text = json_dumps(element, JSON_COMPACT);
        TC_CHECK(text != NULL);
        buffer_put_text(&lines->text, text);
        buffer_put_text(&lines->text, "\n");
        free(text);
        return;
    }
    for (size_t i = 0; i < lines->list->column_count; i++) {
        buffer_put_text(&lines->text, i == 0 ? "" : ",");
        csv_put_field(&lines->text, json_object_get(element, lines->list->columns[i]));
    }
    buffer_put_text(&lines->text, "\r\n");
}

static void put_titles(struct lines *lines)
{
    for (size_t i = 0; i < lines->list->column_count && lines->format == FORMAT_CSV; i++)
        buffer_format(&lines->text, "%s%s", i == 0 ? "" : ",", lines->list->columns[i]);
    if (lines->format == FORMAT_CSV)
        buffer_put_text(&lines->text, "\r\n");
}

/* A key is a text or a number. */
static char *copy_key(const json_t *next)
{
    char *key = json_is_string(next)    ? strdup(json_string_value(next))
                : json_is_integer(next) ? json_dumps(next, JSON_ENCODE_ANY)
                                        : NULL;
    TC_CHECK(key != NULL || next == NULL || json_is_null(next));
    return key;
}

static enum tc_error put_page(struct store *store, struct lines *lines, int limit, struct tc_fault *fault)
{
    struct buffer json = {0};
    const char *after = lines->next == NULL ? "" : lines->next;
    enum tc_error error = lines->list->read(store, lines->list->context, after, limit, &json, fault);
    if (error == TC_OK) {
        json_t *page = json_loadb(json.bytes, json.length, 0, NULL);
        size_t i;
        json_t *element;
        TC_CHECK(page != NULL);
        json_array_foreach(json_object_get(page, lines->list->key), i, element)
        {
            put_element(lines, element);
            lines->left--;
        }
        free(lines->next);
        lines->next = copy_key(json_object_get(page, "next"));
        json_decref(page);
    }
    buffer_free(&json);
    return error;
}

static enum tc_error put_lines(struct store *store, struct lines *lines, struct tc_fault *fault)
{
    enum tc_error error = TC_OK;
    put_titles(lines);
    for (int pages = 0; error == TC_OK && lines->left > 0 && pages < LIST_PAGES_MAX; pages++) {
        error = put_page(store, lines, lines->left < READ_PAGE_MAX ? (int)lines->left : READ_PAGE_MAX, fault);
        if (lines->next == NULL)
            break;
    }
    return error;
}

/* ---- the answer ---- */

static void put_escaped(const char *text, struct buffer *out)
{
    for (; *text != '\0'; text++) {
        if (isalnum((unsigned char)*text) || strchr("-._~", *text) != NULL)
            buffer_put(out, text, 1);
        else
            buffer_format(out, "%%%02X", (unsigned char)*text);
    }
}

/* RFC 8288, relative to the path of the request: the same parameters, and the next key. */
static void link_rest(struct http_request *request, const char *next)
{
    struct buffer link = {0};
    buffer_put_text(&link, "<?");
    for (size_t i = 0; i < request->target.parameter_count; i++) {
        const struct http_parameter *parameter = &request->target.parameters[i];
        if (strcmp(parameter->name, "after") == 0)
            continue;
        put_escaped(parameter->name, &link);
        buffer_put_text(&link, "=");
        put_escaped(parameter->value, &link);
        buffer_put_text(&link, "&");
    }
    buffer_put_text(&link, "after=");
    put_escaped(next, &link);
    buffer_put_text(&link, ">; rel=\"next\"");
    http_answer_header(request, MHD_HTTP_HEADER_LINK, buffer_text(&link));
    buffer_free(&link);
}

static void answer_lines(struct http_request *request, const struct http_list *list, enum format format,
                         const char *after, int limit)
{
    struct tc_fault fault;
    bool has_limit = http_target_text(&request->target, "limit") != NULL;
    struct lines lines = {.list = list, .format = format, .left = has_limit ? limit : LIST_LINES_MAX};
    if (*after != '\0') {
        lines.next = strdup(after);
        TC_CHECK(lines.next != NULL);
    }
    struct store *store = store_pool_take(request->http->config.stores);
    enum tc_error error = put_lines(store, &lines, &fault);
    store_pool_give(request->http->config.stores, store);
    if (error == TC_OK) {
        http_answer_read(request, formats[format].answer_type, &lines.text);
        if (lines.next != NULL)
            link_rest(request, lines.next);
    } else {
        (void)http_name_missing(error, &fault);
        http_answer_fault(request, &fault);
    }
    buffer_free(&lines.text);
    free(lines.next);
}

void http_answer_list(struct http_request *request, const struct http_list *list, const char *after, int limit)
{
    struct buffer json = {0};
    struct tc_fault fault;
    enum format format;
    enum tc_error error = read_format(request, &format, &fault);
    if (error == TC_OK && format != FORMAT_JSON) {
        answer_lines(request, list, format, after, limit);
        return;
    }
    if (error == TC_OK) {
        struct store *store = store_pool_take(request->http->config.stores);
        error = http_name_missing(list->read(store, list->context, after, limit, &json, &fault), &fault);
        store_pool_give(request->http->config.stores, store);
    }
    http_answer_document(request, error, &json, &fault);
}

int64_t http_list_number(const char *after)
{
    return strtoll(after, NULL, 10);
}
