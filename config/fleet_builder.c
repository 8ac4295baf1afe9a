#include "config/fleet_builder.h"

#include "base/id.h"
#include "config/fleet_reserved.h"
#include "config/id_register.h"
#include "config/schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_A_PASS = 256 };

struct fleet_builder {
    const struct fleet_rules *rules; /* NULL: no rules */
    const struct fleet_sink *sink;
    struct id_register branches; /* marked: none */
    struct id_register devices;  /* marked: nodes */
    unsigned rows;
    bool stopped;
    struct document_faults *faults;
};

/* ---- the schemas of rows -------------------------------------------------------------------- */

enum { NAME_MAX_BYTES = 200, MODEL_MAX_BYTES = 128, LABELS_MAX = 64, FLEET_VERSIONS_MAX = 64 };

/* The devices of a branch are rows of their own and are read after it. */
static json_t *read_later(struct schema_reading *reading, const struct schema_key *key, const struct tree_node *node)
{
    (void)key;
    return node->kind == TREE_LIST ? NULL : schema_fault_value(reading, node, "a list of devices");
}

static const struct schema_key branch_keys[] = {
    {.name = "id", .read = schema_read_id},
    {.name = "name", .read = schema_read_text, .initial = SCHEMA_NOTHING, .most = NAME_MAX_BYTES},
    {.name = "zone", .read = schema_read_zone},
    {.name = "labels", .read = schema_read_labels, .initial = SCHEMA_NOTHING, .most = LABELS_MAX},
    {.name = "devices", .read = read_later, .initial = SCHEMA_NOTHING},
};
static const struct schema branch_schema = {branch_keys, sizeof branch_keys / sizeof *branch_keys};
static const struct schema_key branch_row = {.read = schema_read_map, .map = &branch_schema};

static const struct schema_key device_keys[] = {
    {.name = "id", .read = schema_read_id},
    {.name = "branch", .read = schema_read_id, .initial = SCHEMA_NOTHING},
    {.name = "role", .read = schema_read_choice, .allowed = "node|atm|pull"},
    {.name = "model", .read = schema_read_text, .initial = SCHEMA_NOTHING, .most = MODEL_MAX_BYTES},
    {.name = "zone", .read = schema_read_zone, .initial = SCHEMA_NOTHING},
    {.name = "labels", .read = schema_read_labels, .initial = SCHEMA_NOTHING, .most = LABELS_MAX},
    {.name = "versions", .read = schema_read_versions, .initial = SCHEMA_NOTHING, .most = FLEET_VERSIONS_MAX},
};
static const struct schema device_schema = {device_keys, sizeof device_keys / sizeof *device_keys};
static const struct schema_key device_row = {.read = schema_read_map, .map = &device_schema};

/* ---- building ------------------------------------------------------------------------------- */

struct fleet_builder *fleet_builder_open(const struct fleet_rules *rules, const struct fleet_sink *sink,
                                         struct document_faults *faults)
{
    struct fleet_builder *builder = calloc(1, sizeof *builder);
    TC_CHECK(builder != NULL);
    builder->rules = rules;
    builder->sink = sink;
    builder->faults = faults;
    return builder;
}

void fleet_builder_close(struct fleet_builder *builder)
{
    id_register_free(&builder->branches);
    id_register_free(&builder->devices);
    free(builder);
}

bool fleet_builder_goes_on(struct fleet_builder *builder)
{
    if (++builder->rows % ROWS_A_PASS == 0 && builder->sink->pass != NULL)
        builder->sink->pass(builder->sink->context);
    return !builder->stopped;
}

static const char *text_of(const json_t *row, const char *key, const char *initial)
{
    const char *text = json_string_value(json_object_get(row, key));
    return text == NULL ? initial : text;
}

/* The caller frees the text. */
static char *map_text(const json_t *row, const char *key)
{
    const json_t *map = json_object_get(row, key);
    char *text = map == NULL ? strdup("{}") : json_dumps(map, JSON_COMPACT | JSON_SORT_KEYS);
    TC_CHECK(text != NULL);
    return text;
}

static void fault_at_member(struct fleet_builder *builder, const struct tree_node *row, struct key_path *path,
                            const char *key, const char *detail)
{
    const struct tree_node *member = tree_member(row, key);
    const struct tree_node *place = member == NULL ? row : member;
    size_t above = key_path_add_key(path, key);
    document_fault_add(builder->faults, place->line, place->column, path->text, "%s", detail);
    key_path_cut(path, above);
}

/* Reads the row as JSON. Returns NULL when it has faults. */
static json_t *read_row(struct fleet_builder *builder, const struct schema_key *language, const struct tree_node *row,
                        const struct key_path *path)
{
    struct schema_reading reading = {.faults = builder->faults, .path = *path};
    size_t faults_before = builder->faults->total;
    json_t *json = language->read(&reading, language, row);
    if (reading.refused || builder->faults->total > faults_before) {
        json_decref(json);
        return NULL;
    }
    return json;
}

/* ---- the rules of an import ------------------------------------------------------------------ */

/* The ID of a device is its user name at the broker. Reserved IDs are users with more rights in the access list. */
static bool is_reserved(const struct fleet_rules *rules, const char *id)
{
    for (size_t i = 0; fleet_reserved_ids[i] != NULL; i++) {
        if (strcmp(fleet_reserved_ids[i], id) == 0)
            return true;
    }
    return rules->broker_user != NULL && *rules->broker_user != '\0' && strcmp(rules->broker_user, id) == 0;
}

/* Every device has the built-in labels, so a label of the same name could never be selected. */
static void check_labels(struct fleet_builder *builder, const struct tree_node *row, struct key_path *path)
{
    static const char *const built_in[] = {"role", "model", "branch"};
    const struct tree_node *labels = tree_member(row, "labels");
    size_t above = key_path_add_key(path, "labels");
    for (size_t i = 0; labels != NULL && i < sizeof built_in / sizeof *built_in; i++) {
        if (tree_member(labels, built_in[i]) != NULL)
            fault_at_member(builder, labels, path, built_in[i],
                            "every device already has this label; choose another name");
    }
    key_path_cut(path, above);
}

static void check_rules(struct fleet_builder *builder, const json_t *row, const struct tree_node *source,
                        struct key_path *path)
{
    if (builder->rules == NULL)
        return;
    if (is_reserved(builder->rules, json_string_value(json_object_get(row, "id"))))
        fault_at_member(builder, source, path, "id",
                        "this is the name of another broker user, not of a device; choose another ID");
    if (*text_of(row, "id", "") == '-')
        fault_at_member(builder, source, path, "id",
                        "it begins with -, which a command would take for an option; choose another ID");
    check_labels(builder, source, path);
}

/* Returns the zone of a device without a branch. NULL: it has none; that is a fault if there are rules. */
static const char *find_zone(struct fleet_builder *builder, const json_t *row, const struct tree_node *source,
                             struct key_path *path)
{
    const char *zone = text_of(row, "zone", NULL);
    if (zone != NULL || builder->rules == NULL)
        return zone;
    if (builder->rules->default_zone == NULL)
        fault_at_member(builder, source, path, "zone",
                        "it is missing: a device of no branch names its zone, or the import a default zone");
    return builder->rules->default_zone;
}

static bool is_taken(struct fleet_builder *builder, const struct id_register *ids, const struct tree_node *row,
                     struct key_path *path, const char *id)
{
    const struct id_register_entry *entry = id_register_find(ids, id);
    if (entry == NULL)
        return false;
    char detail[160];
    (void)snprintf(detail, sizeof detail, "there is a %s \"%s\" already, in line %u",
                   ids == &builder->branches ? "branch" : "device", id, entry->line);
    fault_at_member(builder, row, path, "id", detail);
    return true;
}

/* ---- branches ------------------------------------------------------------------------------- */

/* Start commands of a branch go to the user with the branch's ID. So only the node may have that ID. */
static const char not_a_node[] = "only a branch's node may have the branch's ID";

static void add_checked_branch(struct fleet_builder *builder, const json_t *row, const struct tree_node *source,
                               struct key_path *path)
{
    const char *id = json_string_value(json_object_get(row, "id"));
    size_t faults_before = builder->faults->total;
    if (is_taken(builder, &builder->branches, source, path, id))
        return;
    const struct id_register_entry *device = id_register_find(&builder->devices, id);
    if (device != NULL && !device->mark)
        fault_at_member(builder, source, path, "id", "a device other than a node already has this ID");
    check_rules(builder, row, source, path);
    id_register_add(&builder->branches, id, source->line, false);
    if (builder->faults->total > faults_before)
        return;
    char *labels = map_text(row, "labels");
    const struct fleet_branch branch = {.id = id,
                                        .name = text_of(row, "name", id),
                                        .zone = text_of(row, "zone", NULL),
                                        .labels = labels,
                                        .line = source->line};
    if (!builder->stopped)
        builder->stopped = !builder->sink->take_branch(builder->sink->context, &branch);
    free(labels);
}

static void add_device_of(struct fleet_builder *builder, const struct tree_node *row, struct key_path *path,
                          const char *implied);

void fleet_builder_add_branch(struct fleet_builder *builder, const struct tree_node *row, struct key_path *path)
{
    json_t *json = read_row(builder, &branch_row, row, path);
    if (json != NULL)
        add_checked_branch(builder, json, row, path);
    json_decref(json);

    const struct tree_node *id = row->kind == TREE_MAP ? tree_member(row, "id") : NULL;
    const struct tree_node *devices = row->kind == TREE_MAP ? tree_member(row, "devices") : NULL;
    if (devices == NULL || devices->kind != TREE_LIST || id == NULL || id->kind != TREE_TEXT)
        return;
    size_t above = key_path_add_key(path, "devices"), index = 0;
    for (const struct tree_node *device = devices->first; device != NULL; device = device->next) {
        if (!fleet_builder_goes_on(builder))
            break;
        size_t list = key_path_add_index(path, index++);
        add_device_of(builder, device, path, id->text);
        key_path_cut(path, list);
    }
    key_path_cut(path, above);
}

/* ---- devices -------------------------------------------------------------------------------- */

/* Checks the rules between the keys of a device. */
static bool fits_together(struct fleet_builder *builder, const json_t *row, const struct tree_node *source,
                          struct key_path *path, const char *branch)
{
    const char *id = json_string_value(json_object_get(row, "id"));
    const char *role = json_string_value(json_object_get(row, "role"));
    bool node = strcmp(role, "node") == 0, pull = strcmp(role, "pull") == 0;
    size_t faults_before = builder->faults->total;
    if (branch == NULL && !pull)
        fault_at_member(builder, source, path, "branch", "it is missing; only a pull client may belong to no branch");
    if (node && branch != NULL && strcmp(id, branch) != 0)
        fault_at_member(builder, source, path, "id", "a node has the ID of its branch");
    bool own_branch = branch != NULL && strcmp(id, branch) == 0;
    if (!node && (own_branch || id_register_find(&builder->branches, id) != NULL))
        fault_at_member(builder, source, path, "id", not_a_node);
    if (branch != NULL && json_object_get(row, "zone") != NULL)
        fault_at_member(builder, source, path, "zone", "a device of a branch is in its branch's zone; remove it");
    return builder->faults->total == faults_before;
}

static void give_device(struct fleet_builder *builder, const json_t *row, unsigned line, const char *branch,
                        const char *zone)
{
    char *labels = map_text(row, "labels"), *versions = map_text(row, "versions");
    const struct fleet_device device = {.id = json_string_value(json_object_get(row, "id")),
                                        .branch = branch,
                                        .role = text_of(row, "role", NULL),
                                        .model = text_of(row, "model", ""),
                                        .zone = zone,
                                        .labels = labels,
                                        .versions = versions,
                                        .line = line};
    if (!builder->stopped)
        builder->stopped = !builder->sink->take_device(builder->sink->context, &device);
    free(labels);
    free(versions);
}

static void add_checked_device(struct fleet_builder *builder, const json_t *row, const struct tree_node *source,
                               struct key_path *path, const char *branch)
{
    const char *id = json_string_value(json_object_get(row, "id"));
    size_t faults_before = builder->faults->total;
    if (!fits_together(builder, row, source, path, branch) || is_taken(builder, &builder->devices, source, path, id))
        return;
    check_rules(builder, row, source, path);
    const char *zone = branch == NULL ? find_zone(builder, row, source, path) : NULL;
    bool is_node = strcmp(json_string_value(json_object_get(row, "role")), "node") == 0;
    id_register_add(&builder->devices, id, source->line, is_node);
    if (builder->faults->total == faults_before)
        give_device(builder, row, source->line, branch, zone);
}

/* `implied`: the branch in which the device is listed, or NULL. */
static void add_device_of(struct fleet_builder *builder, const struct tree_node *row, struct key_path *path,
                          const char *implied)
{
    json_t *json = read_row(builder, &device_row, row, path);
    if (json == NULL)
        return;
    const char *branch = json_string_value(json_object_get(json, "branch"));
    if (implied != NULL && branch != NULL && strcmp(implied, branch) != 0)
        fault_at_member(builder, row, path, "branch", "the device stands under another branch");
    else
        add_checked_device(builder, json, row, path, implied == NULL ? branch : implied);
    json_decref(json);
}

void fleet_builder_add_device(struct fleet_builder *builder, const struct tree_node *row, struct key_path *path)
{
    add_device_of(builder, row, path, NULL);
}
