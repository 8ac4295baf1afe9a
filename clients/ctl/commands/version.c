/* Which versions run where: the counts of all pages together. */
#include "clients/ctl/commands/device_filter.h"
#include "clients/ctl/commands/query.h"
#include "clients/ctl/commands/run.h"
#include "clients/ctl/commands/session.h"

#include <inttypes.h>
#include <string.h>

struct versions {
    json_t *artifacts; /* {artifact: {version: devices}} */
    int64_t devices, unknown;
};

static void add_count(json_t *artifacts, const json_t *row)
{
    const char *artifact = document_text(row, "artifact"), *version = document_text(row, "version");
    json_t *of_artifact = json_object_get(artifacts, artifact);
    if (of_artifact == NULL) {
        of_artifact = json_object();
        TC_CHECK(json_object_set_new(artifacts, artifact, of_artifact) == 0);
    }
    int64_t devices = document_number(of_artifact, version) + document_number(row, "devices");
    TC_CHECK(json_object_set_new(of_artifact, version, json_integer(devices)) == 0);
}

static int read_pages(struct session *session, struct versions *versions)
{
    struct buffer filter = {0}, path = {0};
    int code = EXIT_HEALTHY;
    json_t *next = NULL;
    buffer_put_text(&filter, "/v1/versions");
    (void)device_filter_put(session, &filter);
    do {
        buffer_clear(&path);
        buffer_put_text(&path, buffer_text(&filter));
        if (next != NULL) {
            query_put_name(&path, "after");
            http_put_escaped(&path, json_string_value(next));
        }
        json_decref(next);
        json_t *page = session_get(session, buffer_text(&path), "versions", &code);
        next = page == NULL ? NULL : json_incref(json_object_get(page, "next"));
        size_t i;
        const json_t *row;
        json_array_foreach(json_object_get(page, "versions"), i, row)
        {
            add_count(versions->artifacts, row);
        }
        versions->devices += document_number(page, "devices");
        versions->unknown += document_number(page, "unknown");
        json_decref(page);
    } while (json_is_string(next));
    json_decref(next);
    buffer_free(&filter);
    buffer_free(&path);
    return code;
}

static void put_table(const struct session *session, const struct versions *versions)
{
    static const struct table_column columns[] = {
        {"ARTIFACT", false, 8, 0}, {"VERSION", false, 8, 0}, {"DEVICES", true, 0, 0}};
    struct table table = table_start(columns, sizeof columns / sizeof *columns);
    struct buffer out = {0}, text = {0};
    const char *artifact, *version;
    json_t *of_artifact;
    const json_t *devices;
    json_object_foreach(versions->artifacts, artifact, of_artifact)
    {
        json_object_foreach(of_artifact, version, devices)
        {
            buffer_clear(&text);
            buffer_format(&text, "%" JSON_INTEGER_FORMAT, json_integer_value(devices));
            table_add(&table, TONE_STRONG, artifact);
            table_add(&table, TONE_PLAIN, version);
            table_add(&table, TONE_PLAIN, buffer_text(&text));
        }
    }
    if (table.cell_count > 0)
        table_put(&table, &session->out, true, &out);
    session_put(&out);
    table_free(&table);
    buffer_free(&text);
    buffer_free(&out);
}

int run_version_list(struct session *session)
{
    struct versions versions = {.artifacts = json_object()};
    TC_CHECK(versions.artifacts != NULL);
    int code = read_pages(session, &versions);
    if (code == EXIT_HEALTHY && session->json) {
        json_t *document = json_pack("{s:O, s:I, s:I}", "artifacts", versions.artifacts, "devices",
                                     (json_int_t)versions.devices, "unknown", (json_int_t)versions.unknown);
        TC_CHECK(document != NULL);
        session_put_json(session, document);
        json_decref(document);
    } else if (code == EXIT_HEALTHY) {
        put_table(session, &versions);
        struct buffer text = {0};
        document_put_counted(&text, versions.devices, "device", "devices");
        session_say(session, "%s, %" PRId64 " of them with no known version", buffer_text(&text), versions.unknown);
        buffer_free(&text);
    }
    json_decref(versions.artifacts);
    return code;
}
