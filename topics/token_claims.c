#include "topics/token_claims.h"

#include "topics/fields.h"
#include "topics/json_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ISSUER "tellercast"

enum { JTI_SIZE = 48 };
static const int64_t end_of_9999_s = INT64_C(253402300800);

void instruction_claims_free(struct instruction_claims *claims)
{
    json_decref(claims->parameters);
    *claims = (struct instruction_claims){0};
}

static void put_artifact(struct buffer *order, const struct artifact_claim *artifact)
{
    buffer_put_text(order, ",\"artifact\":{\"name\":");
    json_text_put(order, artifact->name);
    if (artifact->version[0] != '\0') {
        buffer_put_text(order, ",\"version\":");
        json_text_put(order, artifact->version);
    }
    if (artifact->url[0] != '\0') {
        buffer_put_text(order, ",\"url\":");
        json_text_put(order, artifact->url);
        buffer_format(order, ",\"size\":%" PRId64 ",\"sha256\":\"%s\"", artifact->size_bytes, artifact->sha256);
    }
    buffer_put_text(order, "}");
}

void instruction_order_encode(const struct instruction_claims *claims, struct buffer *order)
{
    buffer_format(order, "\"action\":\"%s\"", action_name(claims->action));
    if (claims->has_artifact)
        put_artifact(order, &claims->artifact);
    if (claims->parameters != NULL) {
        buffer_put_text(order, ",\"parameters\":");
        json_text_put_value(order, claims->parameters);
    }
}

void token_claims_encode(const struct instruction_claims *claims, const char *order, struct buffer *payload)
{
    buffer_format(payload,
                  "{\"iss\":\"" ISSUER "\",\"aud\":\"%s\",\"jti\":\"%" PRId64 ".%" PRId32 "\",\"iat\":%" PRId64
                  ",\"nbf\":%" PRId64 ",\"exp\":%" PRId64 ",\"instruction\":%" PRId64 ",\"rollout\":%" PRId64
                  ",\"attempt\":%" PRId32 ",\"epoch\":%" PRId64 ",\"start_before\":%" PRId64 ",%s}",
                  claims->device, claims->instruction, claims->attempt, claims->issued_at_s, claims->not_before_s,
                  claims->expires_s, claims->instruction, claims->rollout, claims->attempt, claims->epoch,
                  claims->start_before_s, order);
}

static void read_sha256(struct fields *fields, struct artifact_claim *artifact)
{
    fields_text(fields, "sha256", FIELD_REQUIRED, artifact->sha256, sizeof artifact->sha256);
    if (strspn(artifact->sha256, "0123456789abcdef") != SHA256_HEX_SIZE - 1)
        fields_refuse(fields, "sha256", "allowed are 64 lower-case hexadecimal digits");
}

/* What is to be downloaded has all of it; what is only named (to roll it back, say) has a name. */
static void read_artifact(struct fields *outer, struct instruction_claims *claims)
{
    struct fields fields;
    fields_enter(outer, "artifact", &fields);
    struct artifact_claim *artifact = &claims->artifact;
    enum field_rule rule = action_needs_artifact(claims->action) ? FIELD_REQUIRED : FIELD_OPTIONAL;
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

static void read_order(struct fields *fields, struct instruction_claims *claims)
{
    if (!action_parse(fields_string(fields, "action"), &claims->action))
        fields_refuse(fields, "action", "allowed are install, rollback, configure, collect and run");
    claims->has_artifact = action_needs_artifact(claims->action) || fields_has(fields, "artifact");
    if (claims->has_artifact)
        read_artifact(fields, claims);
    claims->parameters = fields_object(fields, "parameters", FIELD_OPTIONAL);
}

static void read_own(struct fields *fields, struct instruction_claims *claims)
{
    if (strcmp(fields_string(fields, "iss"), ISSUER) != 0)
        fields_refuse(fields, "iss", "allowed is \"" ISSUER "\"");
    fields_id(fields, "aud", FIELD_REQUIRED, claims->device);
    claims->instruction = fields_integer(fields, "instruction", 1, FIELDS_INTEGER_MAX);
    claims->rollout = fields_integer(fields, "rollout", 1, FIELDS_INTEGER_MAX);
    claims->attempt = (int32_t)fields_integer(fields, "attempt", 1, INT32_MAX);
    claims->epoch = fields_integer(fields, "epoch", 0, FIELDS_INTEGER_MAX);
    claims->issued_at_s = fields_integer(fields, "iat", 0, end_of_9999_s - 1);
    claims->not_before_s = fields_integer(fields, "nbf", 0, end_of_9999_s - 1);
    claims->expires_s = fields_integer(fields, "exp", 0, end_of_9999_s - 1);
    claims->start_before_s = fields_integer(fields, "start_before", 0, end_of_9999_s - 1);

    char jti[JTI_SIZE];
    (void)snprintf(jti, sizeof jti, "%" PRId64 ".%" PRId32, claims->instruction, claims->attempt);
    if (strcmp(fields_string(fields, "jti"), jti) != 0)
        fields_refuse(fields, "jti", "allowed is \"%s\", by the instruction and its attempt", jti);
}

enum tc_error token_claims_decode(const char *payload, size_t length, struct instruction_claims *claims,
                                  struct tc_fault *fault)
{
    *claims = (struct instruction_claims){0};
    struct fields fields;
    fields_open(&fields, payload, length, TOKEN_SIZE_MAX, fault);
    read_own(&fields, claims);
    read_order(&fields, claims);
    enum tc_error error = fields_close(&fields);
    if (error != TC_OK)
        instruction_claims_free(claims);
    return error;
}

enum tc_error instruction_order_check(const char *order, size_t length, struct tc_fault *fault)
{
    struct buffer document = {0};
    buffer_put_text(&document, "{");
    buffer_put(&document, order, length);
    buffer_put_text(&document, "}");
    struct instruction_claims claims = {0};
    struct fields fields;
    fields_open(&fields, document.bytes, document.length, INSTRUCTION_ORDER_MAX + 2, fault);
    read_order(&fields, &claims);
    enum tc_error error = fields_close(&fields);
    instruction_claims_free(&claims);
    buffer_free(&document);
    return error;
}
