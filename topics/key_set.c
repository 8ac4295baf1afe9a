#include "topics/key_set.h"

#include "topics/fields.h"
#include "topics/jws.h"
#include "topics/token_key.h"

#include <inttypes.h>
#include <string.h>

static const int64_t end_of_9999_s = INT64_C(253402300800);

bool key_ids_have(const struct key_ids *ids, const char *key_id)
{
    for (size_t i = 0; i < ids->count; i++) {
        if (strcmp(ids->ids[i], key_id) == 0)
            return true;
    }
    return false;
}

const struct public_key_text *key_set_find(const struct key_set *set, const char *key_id)
{
    for (size_t i = 0; i < set->key_count; i++) {
        if (strcmp(set->keys[i].id, key_id) == 0)
            return &set->keys[i];
    }
    return NULL;
}

static void put_ids(const char *name, const struct key_ids *ids, struct buffer *out)
{
    buffer_format(out, ",\"%s\":[", name);
    for (size_t i = 0; i < ids->count; i++)
        buffer_format(out, "%s\"%s\"", i == 0 ? "" : ",", ids->ids[i]);
    buffer_put_text(out, "]");
}

void key_set_sign(const struct signing_key *key, const struct key_set *set, struct buffer *token)
{
    struct buffer header = {0}, payload = {0};
    token_header_put(signing_key_id(key), JWS_TYPE_KEY_SET, &header);
    buffer_format(&payload, "{\"iss\":\"tellercast\",\"iat\":%" PRId64 ",\"keys\":[", set->issued_at_s);
    for (size_t i = 0; i < set->key_count; i++)
        buffer_format(&payload, "%s{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"%s\",\"x\":\"%s\"}",
                      i == 0 ? "" : ",", set->keys[i].id, set->keys[i].x);
    buffer_put_text(&payload, "]");
    put_ids("retired", &set->retired, &payload);
    put_ids("revoked", &set->revoked, &payload);
    buffer_put_text(&payload, "}");
    jws_sign(key, buffer_text(&header), &payload, token);
    buffer_free(&payload);
    buffer_free(&header);
}

bool key_set_is_meant(const void *token, size_t length)
{
    char type[JWS_TYPE_SIZE];
    jws_read_type(token, length, type);
    return strcmp(type, JWS_TYPE_KEY_SET) == 0;
}

static void read_ids(struct fields *fields, const char *name, struct key_ids *ids)
{
    const json_t *list = fields_array(fields, name, 0, KEY_SET_REMOVED_MAX);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *id = json_string_value(json_array_get(list, i));
        if (id == NULL || strlen(id) > TC_ID_MAX || !name_is_valid(id, strlen(id)))
            fields_refuse(fields, name, "allowed: IDs of keys");
        else
            memcpy(ids->ids[ids->count++], id, strlen(id) + 1);
    }
}

static void read_keys(struct fields *fields, struct key_set *set, const struct trusted_keys *listed)
{
    set->key_count = trusted_keys_count(listed);
    for (size_t i = 0; i < set->key_count; i++) {
        trusted_keys_at(listed, i, &set->keys[i]);
        if (key_ids_have(&set->retired, set->keys[i].id) || key_ids_have(&set->revoked, set->keys[i].id))
            fields_refuse(fields, "keys", "found the removed key \"%s\"", set->keys[i].id);
    }
}

static enum tc_error read_set(const struct buffer *payload, struct key_set *set, struct tc_fault *fault)
{
    struct trusted_keys *listed; /* `keys` has the form of a JWK Set */
    enum tc_error error = trusted_keys_parse(buffer_text(payload), payload->length, &listed, fault);
    if (error != TC_OK)
        return error;
    struct fields fields;
    fields_open(&fields, buffer_text(payload), payload->length, TOKEN_SIZE_MAX, fault);
    if (strcmp(fields_string(&fields, "iss"), "tellercast") != 0)
        fields_refuse(&fields, "iss", "allowed: \"tellercast\"");
    set->issued_at_s = fields_integer(&fields, "iat", 0, end_of_9999_s - 1);
    read_ids(&fields, "retired", &set->retired);
    read_ids(&fields, "revoked", &set->revoked);
    read_keys(&fields, set, listed);
    trusted_keys_close(listed);
    return fields_close(&fields);
}

enum tc_error key_set_verify(const struct trusted_keys *keys, const void *token, size_t length, struct key_set *set,
                             struct tc_fault *fault)
{
    *set = (struct key_set){0};
    struct jws jws;
    enum tc_error error = jws_open(keys, token, length, &jws, fault);
    if (error == TC_OK && strcmp(jws.type, JWS_TYPE_KEY_SET) != 0)
        error = tc_fault_set(fault, TC_INVALID, "typ: found \"%s\", allowed: \"%s\"", jws.type, JWS_TYPE_KEY_SET);
    if (error == TC_OK)
        error = read_set(&jws.payload, set, fault);
    if (error == TC_OK && key_set_find(set, jws.key_id) == NULL)
        error = tc_fault_set(fault, TC_DENIED, "the key \"%s\" signed a set without itself", jws.key_id);
    memcpy(set->signer, jws.key_id, sizeof set->signer);
    jws_free(&jws);
    return error;
}
