#include "base/file.h"
#include "topics/base64url.h"
#include "topics/token_key.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

struct trusted_keys {
    size_t count;
    struct public_key keys[TRUSTED_KEYS_MAX];
};

static const struct public_key *find_key(const struct trusted_keys *keys, const char *key_id)
{
    for (size_t i = 0; i < keys->count; i++) {
        if (strcmp(keys->keys[i].id, key_id) == 0)
            return &keys->keys[i];
    }
    return NULL;
}

/* A set may also hold keys of other types (RFC 7517 section 5). */
static bool is_ed25519(const json_t *entry)
{
    const char *type = json_string_value(json_object_get(entry, "kty"));
    const char *curve = json_string_value(json_object_get(entry, "crv"));
    return type != NULL && curve != NULL && strcmp(type, "OKP") == 0 && strcmp(curve, "Ed25519") == 0;
}

static void read_key(struct fields *outer, json_t *entry, struct trusted_keys *keys)
{
    struct fields fields = {
        .object = json_incref(entry), .error = outer->error, .fault = outer->fault, .parent = "keys"};
    struct public_key *key = &keys->keys[keys->count];
    public_key_read(&fields, key);
    if (fields_has(&fields, "d"))
        fields_refuse(&fields, "d", "this is a private key; a device must have public keys only");
    if (fields.error == TC_OK && find_key(keys, key->id) != NULL)
        fields_refuse(&fields, "kid", "found \"%s\" twice", key->id);
    if (fields.error == TC_OK)
        keys->count++;
    fields_leave(&fields, outer);
}

static void read_set(struct fields *fields, struct trusted_keys *keys)
{
    const json_t *entries = fields_array(fields, "keys", 1, TRUSTED_KEYS_MAX);
    for (size_t i = 0; i < json_array_size(entries); i++) {
        if (is_ed25519(json_array_get(entries, i)))
            read_key(fields, json_array_get(entries, i), keys);
    }
    if (keys->count == 0)
        fields_refuse(fields, "keys", "found no Ed25519 key, allowed: at least one");
}

enum tc_error trusted_keys_parse(const char *document, size_t length, struct trusted_keys **keys,
                                 struct tc_fault *fault)
{
    token_start_sodium();
    *keys = calloc(1, sizeof **keys);
    TC_CHECK(*keys != NULL);
    struct fields fields;
    fields_open(&fields, document, length, KEY_FILE_MAX, fault);
    read_set(&fields, *keys);
    enum tc_error error = fields_close(&fields);
    if (error != TC_OK) {
        trusted_keys_close(*keys);
        *keys = NULL;
    }
    return error;
}

enum tc_error trusted_keys_open(const char *path, struct trusted_keys **keys, struct tc_fault *fault)
{
    *keys = NULL;
    struct buffer document = {0};
    enum tc_error error = file_read(path, KEY_FILE_MAX, &document, fault);
    if (error == TC_OK) {
        error = trusted_keys_parse(buffer_text(&document), document.length, keys, fault);
        if (error != TC_OK)
            (void)tc_fault_context(fault, "%s", path);
    }
    buffer_free(&document);
    return error;
}

void trusted_keys_close(struct trusted_keys *keys)
{
    free(keys);
}

enum tc_error trusted_keys_verify(const struct trusted_keys *keys, const char *key_id, const void *bytes, size_t length,
                                  const unsigned char signature[static SIGNATURE_SIZE], struct tc_fault *fault)
{
    const struct public_key *key = find_key(keys, key_id);
    if (key == NULL)
        return tc_fault_set(fault, TC_DENIED, "the key \"%s\" is not trusted", key_id);
    if (crypto_sign_verify_detached(signature, bytes, length, key->bytes) != 0)
        return tc_fault_set(fault, TC_DENIED, "the signature does not match the key \"%s\"", key_id);
    return TC_OK;
}

struct trusted_keys *trusted_keys_create(void)
{
    token_start_sodium();
    struct trusted_keys *keys = calloc(1, sizeof *keys);
    TC_CHECK(keys != NULL);
    return keys;
}

void trusted_keys_clear(struct trusted_keys *keys)
{
    *keys = (struct trusted_keys){0};
}

size_t trusted_keys_count(const struct trusted_keys *keys)
{
    return keys->count;
}

void trusted_keys_at(const struct trusted_keys *keys, size_t index, struct public_key_text *key)
{
    public_key_write(&keys->keys[index], key);
}

bool trusted_keys_have(const struct trusted_keys *keys, const char *key_id)
{
    return find_key(keys, key_id) != NULL;
}

enum tc_error trusted_keys_add(struct trusted_keys *keys, const struct public_key_text *key, struct tc_fault *fault)
{
    struct public_key added = {0};
    struct buffer bytes = {0};
    bool is_key = base64url_read(key->x, strlen(key->x), &bytes) && bytes.length == sizeof added.bytes;
    if (is_key)
        memcpy(added.bytes, bytes.bytes, sizeof added.bytes);
    buffer_free(&bytes);
    if (!is_key)
        return tc_fault_set(fault, TC_INVALID, "the key \"%s\" is not base64url of %d bytes", key->id, PUBLIC_KEY_SIZE);
    memcpy(added.id, key->id, sizeof added.id);
    struct public_key *known = (struct public_key *)(uintptr_t)find_key(keys, key->id);
    if (known == NULL && keys->count == TRUSTED_KEYS_MAX)
        return tc_fault_set(fault, TC_TOO_LARGE, "allowed: at most %d keys", TRUSTED_KEYS_MAX);
    *(known == NULL ? &keys->keys[keys->count++] : known) = added;
    return TC_OK;
}
