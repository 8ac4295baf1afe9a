#include "config/fleet.h"

#include "config/arena.h"
#include "config/fleet_builder.h"
#include "config/text_set.h"

#include <stdlib.h>
#include <string.h>

enum tc_error fleet_read(enum fleet_format format, const void *bytes, size_t length, const struct fleet_rules *rules,
                         const struct fleet_sink *sink, struct document_faults *faults)
{
    size_t faults_before = faults->total;
    struct fleet_builder *builder = fleet_builder_open(rules, sink, faults);
    if (format == FLEET_YAML)
        fleet_read_yaml(builder, bytes, length, faults);
    else
        fleet_read_csv(builder, bytes, length, faults);
    fleet_builder_close(builder);
    if (faults->total == faults_before)
        return TC_OK;
    document_faults_sort(faults);
    return TC_INVALID;
}

/* ---- into memory ---------------------------------------------------------------------------- */

struct fleet_memory {
    struct arena arena;
};

struct collecting {
    struct fleet *fleet;
    struct arena *arena;   /* the fleet's */
    struct text_set texts; /* models, zones, labels, versions: equal texts are kept once */
    size_t branch_capacity, device_capacity;
};

/* Returns a copy that lives as long as the fleet; equal texts have one copy. */
static const char *keep(struct collecting *collecting, const char *text)
{
    if (text == NULL)
        return NULL;
    const struct text_set_entry *entry = text_set_find(&collecting->texts, text);
    if (entry != NULL)
        return entry->text;
    const char *kept = arena_text(collecting->arena, text, strlen(text));
    text_set_add(&collecting->texts, kept, 0);
    return kept;
}

/* Grows an array of elements of `size` bytes, if need be, so that one more fits. */
static void *with_space(void *array, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return array;
    *capacity = *capacity == 0 ? 64 : 2 * *capacity;
    void *larger = reallocarray(array, *capacity, size);
    TC_CHECK(larger != NULL);
    return larger;
}

static bool collect_branch(void *context, const struct fleet_branch *branch)
{
    struct collecting *collecting = context;
    struct fleet *fleet = collecting->fleet;
    fleet->branches =
        with_space(fleet->branches, fleet->branch_count, &collecting->branch_capacity, sizeof *fleet->branches);
    fleet->branches[fleet->branch_count++] = (struct fleet_branch){.id = keep(collecting, branch->id),
                                                                   .name = keep(collecting, branch->name),
                                                                   .zone = keep(collecting, branch->zone),
                                                                   .labels = keep(collecting, branch->labels),
                                                                   .line = branch->line};
    return true;
}

static bool collect_device(void *context, const struct fleet_device *device)
{
    struct collecting *collecting = context;
    struct fleet *fleet = collecting->fleet;
    fleet->devices =
        with_space(fleet->devices, fleet->device_count, &collecting->device_capacity, sizeof *fleet->devices);
    fleet->devices[fleet->device_count++] =
        (struct fleet_device){.id = arena_text(collecting->arena, device->id, strlen(device->id)),
                              .branch = keep(collecting, device->branch),
                              .role = keep(collecting, device->role),
                              .model = keep(collecting, device->model),
                              .zone = keep(collecting, device->zone),
                              .labels = keep(collecting, device->labels),
                              .versions = keep(collecting, device->versions),
                              .line = device->line};
    return true;
}

enum tc_error fleet_parse(enum fleet_format format, const void *bytes, size_t length, struct fleet **fleet,
                          struct document_faults *faults)
{
    struct fleet *fresh = calloc(1, sizeof *fresh);
    TC_CHECK(fresh != NULL);
    fresh->memory = calloc(1, sizeof *fresh->memory);
    TC_CHECK(fresh->memory != NULL);
    struct collecting collecting = {.fleet = fresh, .arena = &fresh->memory->arena};
    const struct fleet_sink sink = {&collecting, collect_branch, collect_device, NULL};
    enum tc_error error = fleet_read(format, bytes, length, NULL, &sink, faults);
    text_set_free(&collecting.texts);
    *fleet = error == TC_OK ? fresh : NULL;
    if (error != TC_OK)
        fleet_free(fresh);
    return error;
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
