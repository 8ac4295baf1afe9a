#include "orchestrator/keys/known_keys.h"

#include "base/file.h"
#include "topics/fields.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KNOWN_FILE_MAX = 1048576, KNOWN_FILE_MODE = 0600 };

static void put_path(const char *folder, char path[static PATH_MAX])
{
    (void)snprintf(path, PATH_MAX, "%s/signing-keys/known", folder);
}

static struct registered_key *find(const struct registered_keys *keys, const char *id)
{
    for (size_t i = 0; i < keys->count; i++) {
        if (strcmp(keys->keys[i].key.id, id) == 0)
            return &keys->keys[i];
    }
    return NULL;
}

static struct registered_key *append(struct registered_keys *keys)
{
    struct registered_key *grown = realloc(keys->keys, (keys->count + 1) * sizeof *grown);
    TC_CHECK(grown != NULL);
    keys->keys = grown;
    grown[keys->count] = (struct registered_key){0};
    return &grown[keys->count++];
}

static void read_key(struct fields *outer, json_t *entry, struct registered_keys *known)
{
    struct fields fields = {
        .object = json_incref(entry), .error = outer->error, .fault = outer->fault, .parent = "keys"};
    struct registered_key *key = append(known);
    fields_name(&fields, "kid", FIELD_REQUIRED, key->key.id);
    fields_text(&fields, "x", FIELD_REQUIRED, key->key.x, sizeof key->key.x);
    key->rotation = fields_integer(&fields, "rotation", 0, FIELDS_INTEGER_MAX);
    const char *state = fields_string(&fields, "state");
    if (!signing_key_state_parse(state, &key->state))
        fields_refuse(&fields, "state", "found \"%s\"", state);
    fields_leave(&fields, outer);
}

enum tc_error known_keys_read(const char *folder, struct registered_keys *known, struct tc_fault *fault)
{
    char path[PATH_MAX];
    struct buffer document = {0};
    *known = (struct registered_keys){0};
    put_path(folder, path);
    enum tc_error error = file_read(path, KNOWN_FILE_MAX, &document, fault);
    if (error == TC_OK) {
        struct fields fields;
        fields_open(&fields, document.bytes, document.length, KNOWN_FILE_MAX, fault);
        const json_t *keys = fields_array(&fields, "keys", 0, KNOWN_FILE_MAX);
        for (size_t i = 0; i < json_array_size(keys); i++)
            read_key(&fields, json_array_get(keys, i), known);
        error = fields_close(&fields);
        if (error != TC_OK)
            (void)tc_fault_context(fault, "%s", path);
    }
    buffer_free(&document);
    return error == TC_NOT_FOUND ? TC_OK : error;
}

enum tc_error known_keys_write(const char *folder, const struct registered_keys *known, struct tc_fault *fault)
{
    char path[PATH_MAX], parent[PATH_MAX];
    struct buffer document = {0};
    put_path(folder, path);
    (void)snprintf(parent, sizeof parent, "%s/signing-keys", folder);
    buffer_put_text(&document, "{\"keys\":[");
    for (size_t i = 0; i < known->count; i++)
        buffer_format(&document, "%s{\"kid\":\"%s\",\"x\":\"%s\",\"state\":\"%s\",\"rotation\":%" PRId64 "}",
                      i == 0 ? "\n" : ",\n", known->keys[i].key.id, known->keys[i].key.x,
                      signing_key_state_name(known->keys[i].state), known->keys[i].rotation);
    buffer_put_text(&document, "]}\n");
    enum tc_error error = file_make_folders(parent, 0700, fault);
    if (error == TC_OK)
        error = file_replace(path, document.bytes, document.length, KNOWN_FILE_MODE, fault);
    buffer_free(&document);
    return error;
}

bool known_keys_take(struct registered_keys *known, const struct registered_keys *found)
{
    bool has_grown = false;
    for (size_t i = 0; i < found->count; i++) {
        const struct registered_key *key = &found->keys[i];
        struct registered_key *same = find(known, key->key.id);
        if (key->state == UNKNOWN_KEY_STATE || (same != NULL && same->state >= key->state))
            continue;
        *(same == NULL ? append(known) : same) = *key;
        has_grown = true;
    }
    return has_grown;
}

size_t known_keys_find_missing(const struct registered_keys *known, const struct registered_keys *found,
                               struct registered_key *missing)
{
    size_t count = 0;
    for (size_t i = 0; i < known->count; i++) {
        const struct registered_key *same = find(found, known->keys[i].key.id);
        if (same == NULL || same->state < known->keys[i].state)
            missing[count++] = known->keys[i];
    }
    return count;
}
