#include "tests/fleet/version_set.h"

#include "base/fault.h"
#include "topics/message.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 16, TEXT_FLAGS = JSON_COMPACT | JSON_SORT_KEYS };

/* Takes ownership of `versions`. */
static const struct version_set *keep(struct version_sets *sets, json_t *versions)
{
    char *text = json_dumps(versions, TEXT_FLAGS);
    TC_CHECK(text != NULL);
    const struct text_set_entry *known = text_set_find(&sets->texts, text);
    if (known != NULL) {
        free(text);
        json_decref(versions);
        return sets->sets[known->number];
    }
    if (sets->count == sets->capacity) {
        sets->capacity = sets->capacity == 0 ? FIRST_CAPACITY : 2 * sets->capacity;
        sets->sets = realloc(sets->sets, sets->capacity * sizeof *sets->sets);
        TC_CHECK(sets->sets != NULL);
    }
    struct version_set *set = calloc(1, sizeof *set);
    TC_CHECK(set != NULL);
    set->text = text;
    set->versions = versions;
    ask_encode(&(struct ask){.versions = versions}, &set->ask);
    text_set_add(&sets->texts, text, (uint32_t)sets->count);
    sets->sets[sets->count++] = set;
    return set;
}

const struct version_set *version_sets_read(struct version_sets *sets, const char *text)
{
    json_t *versions = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(versions))
        return keep(sets, versions);
    json_decref(versions);
    return NULL;
}

const struct version_set *version_sets_install(struct version_sets *sets, const struct version_set *old,
                                               const char *artifact, const char *version)
{
    const char *installed = json_string_value(json_object_get(old->versions, artifact));
    if (installed != NULL && strcmp(installed, version) == 0)
        return old;
    json_t *versions = json_copy(old->versions);
    TC_CHECK(versions != NULL && json_object_set_new(versions, artifact, json_string(version)) == 0);
    return keep(sets, versions);
}

void version_sets_free(struct version_sets *sets)
{
    for (size_t i = 0; i < sets->count; i++) {
        free(sets->sets[i]->text);
        json_decref(sets->sets[i]->versions);
        buffer_free(&sets->sets[i]->ask);
        free(sets->sets[i]);
    }
    free(sets->sets);
    text_set_free(&sets->texts);
    *sets = (struct version_sets){0};
}
