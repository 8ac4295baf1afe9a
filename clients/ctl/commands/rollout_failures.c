/* The failures of a rollout: grouped, or the devices behind them. */
#include "clients/ctl/commands/rollout.h"
#include "clients/ctl/commands/run.h"
#include "clients/ctl/screen/text.h"

#include <inttypes.h>
#include <string.h>

/* ---- the groups ---- */

/* "12", or "more than 10,000". */
static void add_counted(struct table *table, enum tone tone, const json_t *counted)
{
    int64_t devices = document_number(counted, "devices");
    struct buffer text = {0};
    if (json_is_true(json_object_get(counted, "is_more")))
        buffer_put_text(&text, "more than ");
    text_put_count(&text, devices);
    table_add(table, devices == 0 ? TONE_FAINT : tone, buffer_text(&text));
    buffer_free(&text);
}

static const char *word_of(const json_t *group, const char *key)
{
    const char *word = document_text(group, key);
    return *word == '\0' ? NULL : word;
}

static bool is_by(const char *by, const char *word)
{
    const char *found = strstr(by, word);
    return found != NULL && (found == by || found[-1] == ',');
}

/* Writes the groups in columns that `by` names. */
static void put_groups(const struct session *session, const json_t *document, const char *by, struct buffer *out)
{
    static const struct {
        const char *word, *key, *title;
    } keys[] = {{"code", "code", "CODE"},
                {"model", "model", "MODEL"},
                {"version", "version", "VERSION"},
                {"label:", "label", "LABEL"}};
    enum { KEY_COUNT = sizeof keys / sizeof *keys };
    struct table_column columns[KEY_COUNT + 2];
    const char *shown[KEY_COUNT];
    size_t count = 0, i;
    const json_t *group;
    for (size_t k = 0; k < KEY_COUNT; k++) {
        if (!is_by(by, keys[k].word))
            continue;
        shown[count] = keys[k].key;
        columns[count++] = (struct table_column){keys[k].title, false, 0, 0};
    }
    columns[count] = (struct table_column){"FAILED", true, 0, 0};
    columns[count + 1] = (struct table_column){"FAILING NOW", true, 0, 0};
    struct table table = table_start(columns, count + 2);
    json_array_foreach(json_object_get(document, "failures"), i, group)
    {
        for (size_t k = 0; k < count; k++)
            table_add(&table, k == 0 ? TONE_STRONG : TONE_PLAIN, word_of(group, shown[k]));
        add_counted(&table, TONE_BAD, json_object_get(group, "ended"));
        add_counted(&table, TONE_WARN, json_object_get(group, "failing_now"));
    }
    if (table.cell_count > 0)
        table_put(&table, &session->out, true, out);
    table_free(&table);
}

static int show_groups(struct session *session, int64_t id)
{
    int code;
    const char *by = session_option(session, "by");
    struct buffer path = {0}, out = {0};
    buffer_format(&path, "/v1/rollouts/%" PRId64 "/failures?by=", id);
    http_put_escaped(&path, by);
    json_t *document = session_get(session, buffer_text(&path), "failures", &code);
    buffer_free(&path);
    if (document == NULL)
        return code;
    if (session->json)
        session_put_json(session, document);
    else
        put_groups(session, document, by, &out);
    session_put(&out);
    if (json_array_size(json_object_get(document, "failures")) == 0)
        session_say(session, "no failures");
    if (!json_is_true(json_object_get(document, "is_complete")))
        session_say(session, "there are more failures than were looked at; --devices shows all");
    buffer_free(&out);
    json_decref(document);
    return EXIT_HEALTHY;
}

/* ---- the devices ---- */

static void add_device(struct table *table, const json_t *device)
{
    bool is_now = json_is_true(json_object_get(device, "failing_now"));
    table_add(table, TONE_STRONG, document_text(device, "device"));
    table_add(table, TONE_PLAIN, word_of(device, "branch"));
    table_add(table, TONE_PLAIN, document_text(device, "group"));
    table_add(table, is_now ? TONE_WARN : TONE_BAD, is_now ? "failing now" : document_text(device, "state"));
    table_add(table, TONE_PLAIN, word_of(device, "code"));
    table_add(table, TONE_PLAIN, word_of(device, "model"));
    table_add(table, TONE_PLAIN, word_of(device, "version"));
    table_add_id(table, TONE_PLAIN, document_number(device, "attempt"));
    table_add_time(table, word_of(device, "ended_at"));
    if (json_is_integer(json_object_get(device, "log")))
        table_add_id(table, TONE_PLAIN, document_number(device, "log"));
    else
        table_add(table, TONE_PLAIN, NULL);
    table_add(table, TONE_PLAIN, document_text(device, "detail"));
}

static void put_filter(struct buffer *path, const struct session *session)
{
    static const struct {
        const char *option, *parameter;
    } filters[] = {{"code", "code"},   {"model", "model"},     {"installed", "version"},
                   {"match", "label"}, {"without", "without"}, {"state", "state"}};
    char separator = '?';
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
        const char *value = session_option(session, filters[i].option);
        if (value == NULL)
            continue;
        buffer_format(path, "%c%s=", separator, filters[i].parameter);
        http_put_escaped(path, value);
        separator = '&';
    }
}

static int show_devices(struct session *session, int64_t id, int64_t limit)
{
    static const struct table_column columns[] = {
        {"DEVICE", false, 10, 0}, {"BRANCH", false, 8, 3}, {"GROUP", false, 8, 4},   {"STATE", false, 11, 0},
        {"CODE", false, 16, 0},   {"MODEL", false, 0, 2},  {"VERSION", false, 0, 1}, {"ATTEMPT", true, 0, 6},
        {"ENDED", false, 20, 5},  {"LOG", true, 0, 0},     {"DETAIL", false, 0, 0},
    };
    struct buffer path = {0};
    buffer_format(&path, "/v1/rollouts/%" PRId64 "/failures/devices", id);
    put_filter(&path, session);
    const struct listing listing = {buffer_text(&path), "devices", columns, sizeof columns / sizeof *columns,
                                    add_device,         false,     limit,   "no matching failures"};
    int code = session_list(session, &listing);
    buffer_free(&path);
    return code;
}

int run_rollout_failures(struct session *session)
{
    int64_t id, limit;
    int code;
    if (!session_limit(session, &limit, &code) || !rollout_find(session, session_argument(session, 0), &id, &code))
        return code;
    return session_has(session, "devices") ? show_devices(session, id, limit) : show_groups(session, id);
}
