#include "config/plan.h"

#include "base/clock.h"
#include "config/plan_language.h"
#include "config/tree.h"
#include "topics/topic.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 15 digits are exact: percentages have at most seven and numbers in parameters at most 15. And 2.3 stays 2.3. */
enum { CANONICAL_FLAGS = JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(15) };

static void make_digest(const char *canonical, char digest[static PLAN_DIGEST_SIZE])
{
    unsigned char hash[crypto_hash_sha256_BYTES];
    (void)crypto_hash_sha256(hash, (const unsigned char *)canonical, strlen(canonical));
    (void)sodium_bin2hex(digest, PLAN_DIGEST_SIZE, hash, sizeof hash);
}

void plan_digest_of(const json_t *document, char digest[static PLAN_DIGEST_SIZE])
{
    char *canonical = json_dumps(document, CANONICAL_FLAGS);
    TC_CHECK(canonical != NULL);
    make_digest(canonical, digest);
    free(canonical);
}

static void canonicalize(struct plan *plan)
{
    plan->canonical = json_dumps(plan->tree, CANONICAL_FLAGS);
    TC_CHECK(plan->canonical != NULL);
    make_digest(plan->canonical, plan->digest);
    const json_t *metadata = json_object_get(plan->tree, "metadata");
    (void)snprintf(plan->name, sizeof plan->name, "%s", json_string_value(json_object_get(metadata, "name")));
}

enum tc_error plan_parse(const void *bytes, size_t length, struct plan **plan, struct document_faults *faults)
{
    *plan = NULL;
    if (length > PLAN_SIZE_MAX) {
        document_fault_add(faults, 0, 0, "", "the plan has %zu bytes, allowed: at most %d", length, PLAN_SIZE_MAX);
        return TC_TOO_LARGE;
    }
    size_t faults_before = faults->total;
    struct tree *source = tree_parse(bytes, length, faults);
    if (source == NULL)
        return TC_INVALID;
    struct plan *fresh = calloc(1, sizeof *fresh);
    TC_CHECK(fresh != NULL);
    fresh->source = source;
    struct schema_reading reading = {.faults = faults};
    fresh->tree = plan_document_key.read(&reading, &plan_document_key, source->root);
    plan_check_rules(fresh, faults);
    if (faults->total > faults_before) {
        document_faults_sort(faults);
        plan_free(fresh);
        return TC_INVALID;
    }
    canonicalize(fresh);
    *plan = fresh;
    return TC_OK;
}

void plan_free(struct plan *plan)
{
    if (plan == NULL)
        return;
    free(plan->canonical);
    json_decref(plan->tree);
    tree_free(plan->source);
    free(plan);
}

int64_t plan_end_ms(const struct plan *plan)
{
    const json_t *schedule = json_object_get(json_object_get(plan->tree, "spec"), "schedule");
    const char *end = json_string_value(json_object_get(schedule, "endAt"));
    int64_t end_ms;
    return end != NULL && clock_parse(end, strlen(end), &end_ms) ? end_ms : INT64_MAX;
}
