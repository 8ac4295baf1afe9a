#include "config/webhooks.h"

#include "base/fault.h"
#include "config/schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

enum { URL_MAX = 2000, PATH_BYTES_MAX = 4000 };

static const struct schema_key path_item = {.read = schema_read_text, .least = 1, .most = PATH_BYTES_MAX};
static const struct schema_key kind_item = {.read = schema_read_id};

static const struct schema_key webhook_keys[] = {
    {.name = "name", .read = schema_read_id, .initial = SCHEMA_REQUIRED},
    {.name = "url", .read = schema_read_text, .initial = SCHEMA_REQUIRED, .least = 1, .most = URL_MAX},
    {.name = "secret_files",
     .read = schema_read_list,
     .initial = SCHEMA_REQUIRED,
     .least = 1,
     .most = WEBHOOK_SECRETS_MAX,
     .item = &path_item},
    {.name = "kinds", .read = schema_read_list, .initial = "[]", .most = WEBHOOK_KINDS_MAX, .item = &kind_item},
    {.name = "ca_file", .read = schema_read_text, .initial = "\"\"", .most = PATH_BYTES_MAX},
};
static const struct schema webhook_map = {webhook_keys, COUNT_OF(webhook_keys)};
static const struct schema_key webhook_item = {.read = schema_read_map, .map = &webhook_map};

/* Adds a fault for each name that an earlier webhook has. */
static bool names_differ(struct schema_reading *reading, const struct tree_node *node, const json_t *list)
{
    size_t refused = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_object_get(json_array_get(list, i), "name"));
        for (size_t earlier = 0; earlier < i && name != NULL; earlier++) {
            const char *other = json_string_value(json_object_get(json_array_get(list, earlier), "name"));
            if (other == NULL || strcmp(name, other) != 0)
                continue;
            schema_fault(reading, node, "two webhooks have the name %s", name);
            refused++;
        }
    }
    return refused == 0;
}

static json_t *read_webhooks(struct schema_reading *reading, const struct schema_key *key, const struct tree_node *node)
{
    json_t *list = schema_read_list(reading, key, node);
    if (list != NULL && !names_differ(reading, node, list)) {
        json_decref(list);
        return NULL;
    }
    return list;
}

const struct schema_key webhooks_key = {.read = read_webhooks, .most = WEBHOOKS_MAX, .item = &webhook_item};

static char *copy_of(const json_t *text)
{
    char *copy = strdup(json_string_value(text));
    TC_CHECK(copy != NULL);
    return copy;
}

static void read_one(const json_t *item, struct webhook_settings *read)
{
    const json_t *files = json_object_get(item, "secret_files"), *kinds = json_object_get(item, "kinds");
    *read = (struct webhook_settings){.url = copy_of(json_object_get(item, "url")),
                                      .ca_file = copy_of(json_object_get(item, "ca_file")),
                                      .secret_count = json_array_size(files),
                                      .kind_count = json_array_size(kinds)};
    TC_CHECK(read->secret_count <= WEBHOOK_SECRETS_MAX && read->kind_count <= WEBHOOK_KINDS_MAX);
    (void)snprintf(read->name, sizeof read->name, "%s", json_string_value(json_object_get(item, "name")));
    for (size_t i = 0; i < read->secret_count; i++)
        read->secret_files[i] = copy_of(json_array_get(files, i));
    for (size_t i = 0; i < read->kind_count; i++)
        (void)snprintf(read->kinds[i], sizeof read->kinds[i], "%s", json_string_value(json_array_get(kinds, i)));
}

size_t webhooks_read(const char *setting, struct webhook_settings list[static WEBHOOKS_MAX])
{
    json_t *items = json_loads(setting, 0, NULL);
    size_t count = json_array_size(items);
    TC_CHECK(json_is_array(items) && count <= WEBHOOKS_MAX); /* the reader of the settings wrote it */
    for (size_t i = 0; i < count; i++)
        read_one(json_array_get(items, i), &list[i]);
    json_decref(items);
    return count;
}

void webhook_settings_free(struct webhook_settings *webhook)
{
    for (size_t i = 0; i < webhook->secret_count; i++)
        free(webhook->secret_files[i]);
    free(webhook->ca_file);
    free(webhook->url);
    *webhook = (struct webhook_settings){0};
}

bool webhook_settings_equal(const struct webhook_settings *a, const struct webhook_settings *b)
{
    bool equal = strcmp(a->name, b->name) == 0 && strcmp(a->url, b->url) == 0 && strcmp(a->ca_file, b->ca_file) == 0 &&
                 a->secret_count == b->secret_count && a->kind_count == b->kind_count;
    for (size_t i = 0; equal && i < a->secret_count; i++)
        equal = strcmp(a->secret_files[i], b->secret_files[i]) == 0;
    for (size_t i = 0; equal && i < a->kind_count; i++)
        equal = strcmp(a->kinds[i], b->kinds[i]) == 0;
    return equal;
}

bool webhook_wants(const struct webhook_settings *webhook, const char *kind)
{
    bool wants = webhook->kind_count == 0;
    for (size_t i = 0; i < webhook->kind_count && !wants; i++)
        wants = strcmp(webhook->kinds[i], kind) == 0;
    return wants;
}
