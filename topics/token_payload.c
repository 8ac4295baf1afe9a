#include "topics/token_payload.h"

#include "topics/fields.h"
#include "topics/json_text.h"
#include "topics/message.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ISSUER "tellercast"

enum { JTI_SIZE = 48 };
static const int64_t end_of_9999_s = INT64_C(253402300800);

void instruction_payload_free(struct instruction_payload *payload)
{
    json_decref(payload->parameters);
    *payload = (struct instruction_payload){0};
}

static void put_artifact(struct buffer *content, const struct payload_artifact *artifact)
{
    buffer_put_text(content, ",\"artifact\":{\"name\":");
    json_text_put(content, artifact->name);
    if (artifact->version[0] != '\0') {
        buffer_put_text(content, ",\"version\":");
        json_text_put(content, artifact->version);
    }
    if (artifact->url[0] != '\0') {
        buffer_put_text(content, ",\"url\":");
        json_text_put(content, artifact->url);
        buffer_format(content, ",\"size\":%" PRId64 ",\"sha256\":\"%s\"", artifact->size_bytes, artifact->sha256);
    }
    buffer_put_text(content, "}");
}

void instruction_content_encode(const struct instruction_payload *payload, struct buffer *content)
{
    buffer_format(content, "\"action\":\"%s\"", action_name(payload->action));
    if (payload->has_artifact)
        put_artifact(content, &payload->artifact);
    if (payload->parameters != NULL) {
        buffer_put_text(content, ",\"parameters\":");
        json_text_put_value(content, payload->parameters);
    }
}

static void put_instruction(struct buffer *encoded, const struct instruction_payload *payload)
{
    buffer_format(encoded,
                  ",\"jti\":\"%" PRId64 ".%" PRId32 "\",\"instruction\":%" PRId64 ",\"rollout\":%" PRId64
                  ",\"attempt\":%" PRId32 ",\"start_before\":%" PRId64,
                  payload->instruction, payload->attempt, payload->instruction, payload->rollout, payload->attempt,
                  payload->start_before_s);
    if (payload->out_of_service)
        buffer_put_text(encoded, ",\"out_of_service\":true");
}

void token_payload_encode(const struct instruction_payload *payload, const char *content, struct buffer *encoded)
{
    buffer_format(encoded,
                  "{\"iss\":\"" ISSUER "\",\"aud\":\"%s\",\"iat\":%" PRId64 ",\"nbf\":%" PRId64 ",\"exp\":%" PRId64
                  ",\"epoch\":%" PRId64,
                  payload->device, payload->issued_at_s, payload->not_before_s, payload->expires_s, payload->epoch);
    if (payload->nonce[0] != '\0')
        buffer_format(encoded, ",\"nonce\":\"%s\"", payload->nonce);
    if (payload->recall != 0)
        buffer_format(encoded, ",\"recall\":%" PRId64 ",\"recall_since\":%" PRId64, payload->recall,
                      payload->recall_since_s);
    if (payload->instruction != 0) {
        put_instruction(encoded, payload);
        buffer_format(encoded, ",%s", content);
    }
    buffer_put_text(encoded, "}");
}

static void read_sha256(struct fields *fields, struct payload_artifact *artifact)
{
    fields_text(fields, "sha256", FIELD_REQUIRED, artifact->sha256, sizeof artifact->sha256);
    if (strspn(artifact->sha256, "0123456789abcdef") != SHA256_HEX_SIZE - 1)
        fields_refuse(fields, "sha256", "allowed: 64 lower-case hexadecimal digits");
}

/* An artifact to download has all fields; one that is only named (for a rollback) needs the name alone. */
static void read_artifact(struct fields *outer, struct instruction_payload *payload)
{
    struct fields fields;
    fields_enter(outer, "artifact", &fields);
    struct payload_artifact *artifact = &payload->artifact;
    enum field_rule rule = action_needs_artifact(payload->action) ? FIELD_REQUIRED : FIELD_OPTIONAL;
    fields_name(&fields, "name", FIELD_REQUIRED, artifact->name);
    fields_name(&fields, "version", rule, artifact->version);
    fields_text(&fields, "url", rule, artifact->url, sizeof artifact->url);
    if (rule == FIELD_REQUIRED && artifact->url[0] == '\0')
        fields_refuse(&fields, "url", "is empty");
    if (artifact->url[0] != '\0') {
        artifact->size_bytes = fields_integer(&fields, "size", 0, FIELDS_INTEGER_MAX);
        read_sha256(&fields, artifact);
    }
    fields_leave(&fields, outer);
}

static void read_content(struct fields *fields, struct instruction_payload *payload)
{
    if (!action_parse(fields_string(fields, "action"), &payload->action))
        fields_refuse(fields, "action", "allowed: install, rollback, configure, collect, run");
    payload->has_artifact = action_needs_artifact(payload->action) || fields_has(fields, "artifact");
    if (payload->has_artifact)
        read_artifact(fields, payload);
    payload->parameters = fields_object(fields, "parameters", FIELD_OPTIONAL);
}

/* Reads the claims that every answer has. */
static void read_common(struct fields *fields, struct instruction_payload *payload)
{
    if (strcmp(fields_string(fields, "iss"), ISSUER) != 0)
        fields_refuse(fields, "iss", "allowed: \"" ISSUER "\"");
    fields_id(fields, "aud", FIELD_REQUIRED, payload->device);
    payload->epoch = fields_integer(fields, "epoch", 0, FIELDS_INTEGER_MAX);
    payload->issued_at_s = fields_integer(fields, "iat", 0, end_of_9999_s - 1);
    payload->not_before_s = fields_integer(fields, "nbf", 0, end_of_9999_s - 1);
    payload->expires_s = fields_integer(fields, "exp", 0, end_of_9999_s - 1);
    fields_id(fields, "nonce", FIELD_OPTIONAL, payload->nonce);
    payload->recall = fields_integer_or(fields, "recall", 1, FIELDS_INTEGER_MAX, 0);
    payload->recall_since_s = fields_integer_or(fields, "recall_since", 0, end_of_9999_s - 1, 0);
}

static void read_instruction(struct fields *fields, struct instruction_payload *payload)
{
    payload->instruction = fields_integer(fields, "instruction", 1, FIELDS_INTEGER_MAX);
    payload->rollout = fields_integer(fields, "rollout", 1, FIELDS_INTEGER_MAX);
    payload->attempt = (int32_t)fields_integer(fields, "attempt", 1, ATTEMPTS_MAX);
    payload->start_before_s = fields_integer(fields, "start_before", 0, end_of_9999_s - 1);
    payload->out_of_service = fields_boolean_or(fields, "out_of_service", false);

    char jti[JTI_SIZE];
    (void)snprintf(jti, sizeof jti, "%" PRId64 ".%" PRId32, payload->instruction, payload->attempt);
    if (strcmp(fields_string(fields, "jti"), jti) != 0)
        fields_refuse(fields, "jti", "allowed: \"%s\", from the instruction and its attempt", jti);
    read_content(fields, payload);
}

enum tc_error token_payload_decode(const char *encoded, size_t length, struct instruction_payload *payload,
                                   struct tc_fault *fault)
{
    *payload = (struct instruction_payload){0};
    struct fields fields;
    fields_open(&fields, encoded, length, TOKEN_SIZE_MAX, fault);
    read_common(&fields, payload);
    /* Only the answer to an ask may have no instruction. */
    if (payload->nonce[0] == '\0' || fields_has(&fields, "instruction"))
        read_instruction(&fields, payload);
    enum tc_error error = fields_close(&fields);
    if (error != TC_OK)
        instruction_payload_free(payload);
    return error;
}

enum tc_error instruction_content_check(const char *content, size_t length, struct tc_fault *fault)
{
    struct buffer document = {0};
    buffer_put_text(&document, "{");
    buffer_put(&document, content, length);
    buffer_put_text(&document, "}");
    struct instruction_payload payload = {0};
    struct fields fields;
    fields_open(&fields, document.bytes, document.length, INSTRUCTION_CONTENT_MAX + 2, fault);
    read_content(&fields, &payload);
    enum tc_error error = fields_close(&fields);
    instruction_payload_free(&payload);
    buffer_free(&document);
    return error;
}
