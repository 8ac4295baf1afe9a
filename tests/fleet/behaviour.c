#include "tests/fleet/behaviour.h"

#include "config/scalar.h"
#include "tests/fleet/behaviour_keys.h"

#include <fnmatch.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct rule {
    const char *role; /* "any", or a role's name */
    const char *branch, *device;
    int64_t parts;
    struct behaviour behaviour;
};

struct behaviours {
    json_t *document; /* owns the texts of the rules */
    uint64_t seed;
    struct rule *rules; /* the last one matches every device */
    size_t rule_count;
};

/* The document of an empty text: one rule, with the defaults. */
static const char default_document[] = "rules: [{}]";

static const char *text_of(const json_t *map, const char *key)
{
    return json_string_value(json_object_get(map, key));
}

static int64_t integer_of(const json_t *map, const char *key)
{
    return json_integer_value(json_object_get(map, key));
}

static int64_t parts_of(const json_t *map, const char *key)
{
    return (int64_t)llround(json_number_value(json_object_get(map, key)) * (double)PERCENT_PARTS);
}

/* Returns the index of a word in a list that ends with NULL. */
static int choice_of(const json_t *map, const char *key, const char *const words[])
{
    const char *text = text_of(map, key);
    int place = 0;
    while (words[place] != NULL && strcmp(words[place], text) != 0)
        place++;
    TC_CHECK(words[place] != NULL); /* the schema allows no other word */
    return place;
}

static struct span span_of(const json_t *map, const char *key)
{
    const json_t *span = json_object_get(map, key);
    const json_t *most = json_object_get(span, "max");
    int64_t least_ms = integer_of(span, "min");
    return (struct span){least_ms, most == NULL ? least_ms : json_integer_value(most)};
}

static struct behaviour behaviour_of(const json_t *rule)
{
    static const char *const silences[] = {"never", "atDispatch", "atAsk", "afterReceived", NULL};
    static const char *const asks[] = {"auto", "always", "never", NULL};
    const json_t *failure = json_object_get(rule, "failure");
    const json_t *crash = json_object_get(rule, "crash");
    const json_t *offline = json_object_get(rule, "offline");
    const json_t *late = json_object_get(rule, "lateReplies");
    const json_t *flood = json_object_get(rule, "flood");
    return (struct behaviour){
        .receive = span_of(rule, "receive"),
        .install = span_of(rule, "install"),
        .install_reports = integer_of(rule, "installReports"),
        .failure_parts = parts_of(failure, "rate"),
        .failure_code = failure == NULL ? "" : text_of(failure, "code"),
        .out_of_service_parts = parts_of(rule, "outOfService"),
        .crash_parts = parts_of(crash, "rate"),
        .crash_for_ms = integer_of(crash, "for"),
        .reject_code = text_of(rule, "reject"),
        .defer_times = integer_of(rule, "defer"),
        .version = text_of(rule, "version"),
        .silence = (enum silence)choice_of(rule, "silent", silences),
        .offline_after_ms = integer_of(offline, "after"),
        .offline_for_ms = integer_of(offline, "for"),
        .duplicates = integer_of(rule, "duplicates"),
        .lost_parts = parts_of(rule, "lostReplies"),
        .late_parts = parts_of(late, "rate"),
        .late_by_ms = integer_of(late, "by"),
        .confirm_all = json_is_true(json_object_get(rule, "confirmAll")),
        .forgetful = json_is_true(json_object_get(rule, "forgetful")),
        .ask_qos = (int)integer_of(rule, "askQos"),
        .ask_on_connect = (enum ask_on_connect)choice_of(rule, "askOnConnect", asks),
        .ask_again_ms = integer_of(rule, "askAgain"),
        .resend_ms = integer_of(rule, "resend"),
        .flood_every_ms = integer_of(flood, "every"),
        .flood_asks = integer_of(flood, "asks"),
        .flood_reports = integer_of(flood, "reports"),
    };
}

static struct rule rule_of(const json_t *entry)
{
    const json_t *match = json_object_get(entry, "match");
    return (struct rule){
        .role = text_of(match, "role"),
        .branch = text_of(match, "branch"),
        .device = text_of(match, "device"),
        .parts = parts_of(match, "percentage"),
        .behaviour = behaviour_of(entry),
    };
}

/* Returns NULL after a fault. */
static json_t *read_document(const char *bytes, size_t length, struct document_faults *faults)
{
    size_t before = faults->total;
    struct tree *tree = tree_parse(bytes, length, faults);
    if (tree == NULL)
        return NULL;
    struct schema_reading reading = {.faults = faults};
    json_t *document = schema_read_map(&reading, &behaviour_document_key, tree->root);
    tree_free(tree);
    if (faults->total == before)
        return document;
    json_decref(document);
    document_faults_sort(faults);
    return NULL;
}

enum tc_error behaviours_parse(const char *bytes, size_t length, struct behaviours **behaviours,
                               struct document_faults *faults)
{
    *behaviours = NULL;
    json_t *document = length == 0 ? NULL : read_document(bytes, length, faults);
    if (document == NULL && length > 0)
        return TC_INVALID;
    json_t *defaults = read_document(default_document, strlen(default_document), faults);
    if (document == NULL)
        document = json_incref(defaults);
    else
        TC_CHECK(json_array_extend(json_object_get(document, "rules"), json_object_get(defaults, "rules")) == 0);
    json_decref(defaults);

    struct behaviours *fresh = calloc(1, sizeof *fresh);
    TC_CHECK(fresh != NULL);
    const json_t *rules = json_object_get(document, "rules");
    fresh->document = document;
    fresh->seed = (uint64_t)integer_of(document, "seed");
    fresh->rule_count = json_array_size(rules);
    fresh->rules = calloc(fresh->rule_count, sizeof *fresh->rules);
    TC_CHECK(fresh->rules != NULL);
    for (size_t i = 0; i < fresh->rule_count; i++)
        fresh->rules[i] = rule_of(json_array_get(rules, i));
    *behaviours = fresh;
    return TC_OK;
}

void behaviours_free(struct behaviours *behaviours)
{
    if (behaviours == NULL)
        return;
    json_decref(behaviours->document);
    free(behaviours->rules);
    free(behaviours);
}

/* The final mixing step of splitmix64: every bit of the input affects every bit of the result. */
static uint64_t mix(uint64_t value)
{
    value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
    return value ^ (value >> 31);
}

static uint64_t hash_device(uint64_t seed, const char *device)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ mix(seed + 1);
    for (; *device != '\0'; device++)
        hash = (hash ^ (unsigned char)*device) * UINT64_C(0x100000001b3);
    return mix(hash);
}

static bool rule_fits(const struct behaviours *behaviours, size_t index, const char *role, const char *branch,
                      const char *device)
{
    const struct rule *rule = &behaviours->rules[index];
    if (strcmp(rule->role, "any") != 0 && strcmp(rule->role, role) != 0)
        return false;
    if (fnmatch(rule->branch, branch, 0) != 0 || fnmatch(rule->device, device, 0) != 0)
        return false;
    uint64_t number = mix(hash_device(behaviours->seed, device) + index);
    return (int64_t)(number % FULL_PARTS) < rule->parts;
}

const struct behaviour *behaviours_find(const struct behaviours *behaviours, enum device_role role, const char *branch,
                                        const char *device)
{
    for (size_t i = 0; i + 1 < behaviours->rule_count; i++) {
        if (rule_fits(behaviours, i, device_role_name(role), branch == NULL ? "" : branch, device))
            return &behaviours->rules[i].behaviour;
    }
    return &behaviours->rules[behaviours->rule_count - 1].behaviour;
}

static uint64_t draw_number(const struct behaviours *behaviours, enum draw draw, const char *device,
                            int64_t instruction, int32_t attempt)
{
    uint64_t number = mix(hash_device(behaviours->seed, device) + (uint64_t)instruction);
    return mix(mix(number + (uint64_t)attempt) + (uint64_t)draw);
}

bool behaviours_draw(const struct behaviours *behaviours, enum draw draw, const char *device, int64_t instruction,
                     int32_t attempt, int64_t parts)
{
    if (parts == 0)
        return false;
    return (int64_t)(draw_number(behaviours, draw, device, instruction, attempt) % FULL_PARTS) < parts;
}

int64_t behaviours_draw_ms(const struct behaviours *behaviours, enum draw draw, const char *device, int64_t instruction,
                           int32_t attempt, const struct span *span)
{
    if (span->most_ms == span->least_ms)
        return span->least_ms;
    uint64_t width = (uint64_t)(span->most_ms - span->least_ms) + 1;
    return span->least_ms + (int64_t)(draw_number(behaviours, draw, device, instruction, attempt) % width);
}
