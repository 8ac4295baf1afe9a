#include "config/fleet_builder.h"

#include "base/id.h"
#include "config/arena.h"
#include "config/schema.h"
#include "config/text_set.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fleet_memory {
    struct arena arena;
};

struct fleet_builder {
    struct fleet *fleet;
    struct arena *arena;      /* the fleet's */
    struct text_set branches; /* IDs, numbered by their place in the fleet */
    struct text_set devices;
    struct text_set texts; /* what repeats is kept once: models, zones, labels, versions */
    size_t branch_capacity, device_capacity;
    struct document_faults *faults;
};

/* ---- the language of rows ------------------------------------------------------------------- */

enum { NAME_MAX_BYTES = 200, MODEL_MAX_BYTES = 128, LABELS_MAX = 64, FLEET_VERSIONS_MAX = 64 };

/* A branch's devices are rows of their own, read after it. */
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

struct fleet_builder *fleet_builder_open(struct document_faults *faults)
{
    struct fleet_builder *builder = calloc(1, sizeof *builder);
    TC_CHECK(builder != NULL);
    builder->fleet = calloc(1, sizeof *builder->fleet);
    TC_CHECK(builder->fleet != NULL);
    builder->fleet->memory = calloc(1, sizeof *builder->fleet->memory);
    TC_CHECK(builder->fleet->memory != NULL);
    builder->arena = &builder->fleet->memory->arena;
    builder->faults = faults;
    return builder;
}

struct fleet *fleet_builder_close(struct fleet_builder *builder)
{
    struct fleet *fleet = builder->fleet;
    text_set_free(&builder->branches);
    text_set_free(&builder->devices);
    text_set_free(&builder->texts);
    free(builder);
    return fleet;
}

void fleet_free(struct fleet *fleet)
{
    if (fleet == NULL)
        return;
    arena_free(&fleet->memory->arena);
    free(fleet->memory);
    free(fleet->branches);
    free(fleet->devices);
    free(fleet);
}

/* A lasting text equal to `text`; equal ones are one. */
static const char *keep(struct fleet_builder *builder, const char *text)
{
    const struct text_set_entry *entry = text_set_find(&builder->texts, text);
    if (entry != NULL)
        return entry->text;
    const char *kept = arena_text(builder->arena, text, strlen(text));
    text_set_add(&builder->texts, kept, 0);
    return kept;
}

static const char *keep_member(struct fleet_builder *builder, const json_t *row, const char *key, const char *initial)
{
    const char *text = json_string_value(json_object_get(row, key));
    return text == NULL ? initial : keep(builder, text);
}

static const char *keep_map(struct fleet_builder *builder, const json_t *row, const char *key)
{
    const json_t *map = json_object_get(row, key);
    if (json_object_size(map) == 0)
        return "{}";
    char *text = json_dumps(map, JSON_COMPACT | JSON_SORT_KEYS);
    TC_CHECK(text != NULL);
    const char *kept = keep(builder, text);
    free(text);
    return kept;
}

/* An array of `size` each with room for one more. */
static void *with_room(void *array, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return array;
    *capacity = *capacity == 0 ? 64 : 2 * *capacity;
    void *larger = reallocarray(array, *capacity, size);
    TC_CHECK(larger != NULL);
    return larger;
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

/* The row as JSON; NULL when it has faults. */
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

static bool is_taken(struct fleet_builder *builder, const struct text_set *set, const struct tree_node *row,
                     struct key_path *path, const char *id)
{
    const struct text_set_entry *entry = text_set_find(set, id);
    if (entry == NULL)
        return false;
    bool branch = set == &builder->branches;
    unsigned line = branch ? builder->fleet->branches[entry->number].line : builder->fleet->devices[entry->number].line;
    char detail[160];
    (void)snprintf(detail, sizeof detail, "there is a %s \"%s\" already, in line %u", branch ? "branch" : "device", id,
                   line);
    fault_at_member(builder, row, path, "id", detail);
    return true;
}

/* ---- branches ------------------------------------------------------------------------------- */

/* A branch's start commands go to whoever has its ID as user name: its node, and nobody else. */
static const char not_a_node[] = "only a branch's node may have the branch's ID";

static void add_checked_branch(struct fleet_builder *builder, const json_t *row, const struct tree_node *source,
                               struct key_path *path)
{
    const char *id = json_string_value(json_object_get(row, "id"));
    if (is_taken(builder, &builder->branches, source, path, id))
        return;
    const struct text_set_entry *device = text_set_find(&builder->devices, id);
    if (device != NULL && strcmp(builder->fleet->devices[device->number].role, "node") != 0)
        fault_at_member(builder, source, path, "id", "a device that is no node has this ID already");

    struct fleet *fleet = builder->fleet;
    fleet->branches =
        with_room(fleet->branches, fleet->branch_count, &builder->branch_capacity, sizeof *fleet->branches);
    struct fleet_branch *branch = &fleet->branches[fleet->branch_count];
    branch->id = keep(builder, id);
    branch->name = keep_member(builder, row, "name", branch->id);
    branch->zone = keep_member(builder, row, "zone", NULL);
    branch->labels = keep_map(builder, row, "labels");
    branch->line = source->line;
    text_set_add(&builder->branches, branch->id, (uint32_t)fleet->branch_count);
    fleet->branch_count++;
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
        size_t list = key_path_add_index(path, index++);
        add_device_of(builder, device, path, id->text);
        key_path_cut(path, list);
    }
    key_path_cut(path, above);
}

/* ---- devices -------------------------------------------------------------------------------- */

/* What must hold between the keys of a device. */
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
    if (!node && (own_branch || text_set_find(&builder->branches, id) != NULL))
        fault_at_member(builder, source, path, "id", not_a_node);
    if (branch != NULL && json_object_get(row, "zone") != NULL)
        fault_at_member(builder, source, path, "zone", "a device of a branch is in its branch's zone; remove it");
    return builder->faults->total == faults_before;
}

static void add_checked_device(struct fleet_builder *builder, const json_t *row, unsigned line, const char *branch)
{
    struct fleet *fleet = builder->fleet;
    fleet->devices = with_room(fleet->devices, fleet->device_count, &builder->device_capacity, sizeof *fleet->devices);
    struct fleet_device *device = &fleet->devices[fleet->device_count];
    const char *id = json_string_value(json_object_get(row, "id"));
    device->id = arena_text(builder->arena, id, strlen(id));
    device->branch = branch == NULL ? NULL : keep(builder, branch);
    device->role = keep_member(builder, row, "role", NULL);
    device->model = keep_member(builder, row, "model", "");
    device->zone = keep_member(builder, row, "zone", NULL);
    device->labels = keep_map(builder, row, "labels");
    device->versions = keep_map(builder, row, "versions");
    device->line = line;
    text_set_add(&builder->devices, device->id, (uint32_t)fleet->device_count);
    fleet->device_count++;
}

/* `implied`: the branch under which the device stands, or NULL. */
static void add_device_of(struct fleet_builder *builder, const struct tree_node *row, struct key_path *path,
                          const char *implied)
{
    json_t *json = read_row(builder, &device_row, row, path);
    if (json == NULL)
        return;
    const char *branch = json_string_value(json_object_get(json, "branch"));
    if (implied != NULL && branch != NULL && strcmp(implied, branch) != 0)
        fault_at_member(builder, row, path, "branch", "the device stands under another branch");
    else if (fits_together(builder, json, row, path, implied == NULL ? branch : implied) &&
             !is_taken(builder, &builder->devices, row, path, json_string_value(json_object_get(json, "id"))))
        add_checked_device(builder, json, row->line, implied == NULL ? branch : implied);
    json_decref(json);
}

void fleet_builder_add_device(struct fleet_builder *builder, const struct tree_node *row, struct key_path *path)
{
    add_device_of(builder, row, path, NULL);
}
