#include "tests/fleet/behaviour_keys.h"

#include "config/scalar.h"
#include "tests/fleet/behaviour.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))
#define SCHEMA_OF(keys)                                                                                                \
    {                                                                                                                  \
        (keys), COUNT_OF(keys)                                                                                         \
    }

enum {
    DAY_MS = 24 * 60 * 60 * 1000,
    RULES_MAX = 1000,
    REPORTS_MAX = 100,
    DUPLICATES_MAX = 100,
    DEFER_MAX = 1000,
    FLOOD_MAX = 1000
};

/* Unlike a plan's, these durations may be fractions of a second: a simulated device can be that fast. */
static json_t *read_milliseconds(struct schema_reading *reading, const struct schema_key *key,
                                 const struct tree_node *node)
{
    int64_t duration_ms;
    bool is_read = node->kind == TREE_TEXT && scalar_read_duration(node->text, &duration_ms);
    if (!is_read || duration_ms < key->least || duration_ms > key->most)
        return schema_fault_value(reading, node, "a duration such as 250ms, 15s or 3h, %lld to %lld ms",
                                  (long long)key->least, (long long)key->most);
    return json_integer(duration_ms);
}

/* A map of min and max, whose members the key names. */
static json_t *read_span(struct schema_reading *reading, const struct schema_key *key, const struct tree_node *node)
{
    json_t *span = schema_read_map(reading, key, node);
    const json_t *most = json_object_get(span, "max");
    if (most != NULL && json_integer_value(most) < json_integer_value(json_object_get(span, "min")))
        schema_fault(reading, node, "its max is less than its min");
    return span;
}

#define MAP(key_name, initial_value, schema_of_it)                                                                     \
    {                                                                                                                  \
        .name = (key_name), .read = schema_read_map, .initial = (initial_value), .map = &(schema_of_it)                \
    }
#define SPAN(key_name)                                                                                                 \
    {                                                                                                                  \
        .name = (key_name), .read = read_span, .initial = SCHEMA_DEFAULTS, .map = &span_schema                         \
    }
#define CHOICE(key_name, initial_value, words)                                                                         \
    {                                                                                                                  \
        .name = (key_name), .read = schema_read_choice, .initial = (initial_value), .allowed = (words)                 \
    }
#define MILLISECONDS(key_name, initial_value, least_ms)                                                                \
    {                                                                                                                  \
        .name = (key_name), .read = read_milliseconds, .initial = (initial_value), .least = (least_ms), .most = DAY_MS \
    }
#define INTEGER(key_name, initial_value, least_value, most_value)                                                      \
    {                                                                                                                  \
        .name = (key_name), .read = schema_read_integer, .initial = (initial_value), .least = (least_value),           \
        .most = (most_value)                                                                                           \
    }
#define PERCENTAGE(key_name, initial_value)                                                                            \
    {                                                                                                                  \
        .name = (key_name), .read = schema_read_percentage, .initial = (initial_value), .most = FULL_PARTS             \
    }
#define TEXT(key_name, initial_value)                                                                                  \
    {                                                                                                                  \
        .name = (key_name), .read = schema_read_text, .initial = (initial_value), .most = TC_ID_MAX                    \
    }
#define BOOLEAN(key_name)                                                                                              \
    {                                                                                                                  \
        .name = (key_name), .read = schema_read_boolean, .initial = "false"                                            \
    }

static const struct schema_key match_keys[] = {
    CHOICE("role", "\"any\"", "any|node|atm|pull"),
    TEXT("branch", "\"*\""),
    TEXT("device", "\"*\""),
    PERCENTAGE("percentage", "100"),
};
static const struct schema match_schema = SCHEMA_OF(match_keys);

static const struct schema_key span_keys[] = {MILLISECONDS("min", "0", 0), MILLISECONDS("max", SCHEMA_NOTHING, 0)};
static const struct schema span_schema = SCHEMA_OF(span_keys);

static const struct schema_key failure_keys[] = {PERCENTAGE("rate", "100"), TEXT("code", "\"install_failed\"")};
static const struct schema failure_schema = SCHEMA_OF(failure_keys);

static const struct schema_key crash_keys[] = {PERCENTAGE("rate", "100"), MILLISECONDS("for", "2000", 0)};
static const struct schema crash_schema = SCHEMA_OF(crash_keys);

static const struct schema_key late_keys[] = {PERCENTAGE("rate", "100"), MILLISECONDS("by", SCHEMA_REQUIRED, 1)};
static const struct schema late_schema = SCHEMA_OF(late_keys);

static const struct schema_key offline_keys[] = {
    MILLISECONDS("after", "0", 0),
    MILLISECONDS("for", SCHEMA_REQUIRED, 1),
};
static const struct schema offline_schema = SCHEMA_OF(offline_keys);

static const struct schema_key flood_keys[] = {
    MILLISECONDS("every", SCHEMA_REQUIRED, 1),
    INTEGER("asks", "0", 0, FLOOD_MAX),
    INTEGER("reports", "0", 0, FLOOD_MAX),
};
static const struct schema flood_schema = SCHEMA_OF(flood_keys);

static const struct schema_key rule_keys[] = {
    MAP("match", SCHEMA_DEFAULTS, match_schema),
    SPAN("receive"),
    SPAN("install"),
    INTEGER("installReports", "0", 0, REPORTS_MAX),
    MAP("failure", SCHEMA_NOTHING, failure_schema),
    PERCENTAGE("outOfService", "0"),
    MAP("crash", SCHEMA_NOTHING, crash_schema),
    TEXT("reject", "\"\""),
    INTEGER("defer", "0", 0, DEFER_MAX),
    TEXT("version", "\"\""),
    CHOICE("silent", "\"never\"", "never|atDispatch|atAsk|afterReceived"),
    MAP("offline", SCHEMA_NOTHING, offline_schema),
    INTEGER("duplicates", "1", 1, DUPLICATES_MAX),
    PERCENTAGE("lostReplies", "0"),
    MAP("lateReplies", SCHEMA_NOTHING, late_schema),
    BOOLEAN("confirmAll"),
    BOOLEAN("forgetful"),
    INTEGER("askQos", "0", 0, 1),
    CHOICE("askOnConnect", "\"auto\"", "auto|always|never"),
    MILLISECONDS("askAgain", "10000", 10),
    MILLISECONDS("resend", "15000", 10),
    MAP("flood", SCHEMA_NOTHING, flood_schema),
};
static const struct schema rule_schema = SCHEMA_OF(rule_keys);
static const struct schema_key rule_item = {.read = schema_read_map, .map = &rule_schema};

static const struct schema_key document_keys[] = {
    INTEGER("seed", "1", 0, INT64_MAX),
    {.name = "rules", .read = schema_read_list, .initial = "[]", .most = RULES_MAX, .item = &rule_item},
};
static const struct schema document_schema = SCHEMA_OF(document_keys);

const struct schema_key behaviour_document_key = {.read = schema_read_map, .map = &document_schema};
