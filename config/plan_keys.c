#include "base/id.h"
#include "config/blackout.h"
#include "config/plan_language.h"
#include "config/scalar.h"
#include "topics/token.h"

#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))
#define SCHEMA_OF(keys) (keys), COUNT_OF(keys)

#define MINUTE 60
#define DAY INT64_C(86400)
#define PERCENT(value) ((value)*PERCENT_PARTS)

enum {
    LISTED_MAX = 200000, /* IDs in a list; the size limit of a plan is reached before */
    PARAMETERS_MAX = 32768,
    GROUPS_MAX = 500,
    WINDOWS_MAX = 50,
};

/* Reads a name that people type in commands. */
static json_t *read_typed_name(struct schema_reading *reading, const struct schema_key *key,
                               const struct tree_node *node)
{
    if (node->kind == TREE_TEXT && node->length > 0 && node->text[0] == '-')
        return schema_fault_value(reading, node,
                                  "a name that does not begin with -, which a command would take for an option");
    return schema_read_name(reading, key, node);
}

/* Reads the name of the rollout. Commands take an ID or a name, so a name of digits only would be ambiguous. */
static json_t *read_own_name(struct schema_reading *reading, const struct schema_key *key, const struct tree_node *node)
{
    bool is_number = node->kind == TREE_TEXT && node->length > 0 && strspn(node->text, "0123456789") == node->length;
    if (is_number)
        return schema_fault_value(reading, node, "a name with more than digits in it; a number is the ID of a rollout");
    return read_typed_name(reading, key, node);
}

static const struct schema_key id_item = {.read = schema_read_id};
static const struct schema_key name_item = {.read = schema_read_name};
static const struct schema_key label_value_item = {.read = schema_read_text, .most = 256};
static const struct schema_key weekday_item = {.read = schema_read_weekday};

#define ID_LIST(key_name, initial_value, least_count)                                                                  \
    .name = (key_name), .read = schema_read_list, .initial = (initial_value), .least = (least_count),                  \
    .most = LISTED_MAX, .item = &id_item
#define MAP(key_name, initial_value, schema_of_it)                                                                     \
    .name = (key_name), .read = schema_read_map, .initial = (initial_value), .map = &(schema_of_it)
#define CHOICE(key_name, initial_value, words)                                                                         \
    .name = (key_name), .read = schema_read_choice, .initial = (initial_value), .allowed = (words)
#define SECONDS(key_name, initial_value, least_seconds, most_seconds)                                                  \
    .name = (key_name), .read = schema_read_duration, .initial = (initial_value), .least = (least_seconds),            \
    .most = (most_seconds)
#define INTEGER(key_name, initial_value, least_value, most_value)                                                      \
    .name = (key_name), .read = schema_read_integer, .initial = (initial_value), .least = (least_value),               \
    .most = (most_value)
#define PERCENTAGE(key_name, initial_value, least_parts)                                                               \
    .name = (key_name), .read = schema_read_percentage, .initial = (initial_value), .least = (least_parts),            \
    .most = PERCENT(100)
#define TEXT(key_name, initial_value, most_bytes)                                                                      \
    .name = (key_name), .read = schema_read_text, .initial = (initial_value), .most = (most_bytes)

/* ---- metadata ------------------------------------------------------------------------------- */

static const struct schema_key metadata_keys[] = {
    {.name = "name", .read = read_own_name},
    {TEXT("change", "\"\"", 128)},
    {TEXT("description", "\"\"", 4096)},
    {.name = "rollbackOf", .read = schema_read_name, .initial = "null"}, /* the name of a rollout */
};
static const struct schema metadata = {SCHEMA_OF(metadata_keys)};

/* ---- artifact ------------------------------------------------------------------------------- */

static const struct schema_key artifact_keys[] = {
    {.name = "name", .read = schema_read_name},
    {.name = "version", .read = schema_read_name},
    {.name = "url", .read = schema_read_url, .initial = "null", .most = ARTIFACT_URL_MAX},
    {.name = "sha256", .read = schema_read_sha256, .initial = "null"},
    {.name = "size", .read = schema_read_size, .initial = "null", .least = 1, .most = INT64_C(1) << 40},
    {.name = "fromVersions", .read = schema_read_list, .initial = "[]", .most = 1000, .item = &name_item},
};
static const struct schema artifact = {SCHEMA_OF(artifact_keys)};

/* ---- selector ------------------------------------------------------------------------------- */

static const struct schema_key expression_keys[] = {
    {.name = "key", .read = schema_read_name},
    {CHOICE("operator", SCHEMA_REQUIRED, "In|NotIn|Exists|DoesNotExist")},
    {.name = "values", .read = schema_read_list, .initial = "[]", .most = 1000, .item = &label_value_item},
};
static const struct schema expression = {SCHEMA_OF(expression_keys)};
static const struct schema_key expression_item = {.read = schema_read_map, .map = &expression};

static const struct schema_key selector_keys[] = {
    {ID_LIST("branches", "[]", 0)},
    {ID_LIST("devices", "[]", 0)},
    {.name = "matchLabels", .read = schema_read_labels, .initial = "{}", .most = 64},
    {.name = "matchExpressions", .read = schema_read_list, .initial = "[]", .most = 64, .item = &expression_item},
    {.name = "completedIn", .read = schema_read_name, .initial = "null"}, /* the name of a rollout */
    {CHOICE("outOfService", "\"exclude\"", "exclude|include"), .later = true},
};
static const struct schema selector = {SCHEMA_OF(selector_keys)};

/* ---- schedule ------------------------------------------------------------------------------- */

static const struct schema_key window_keys[] = {
    {.name = "days",
     .read = schema_read_list,
     .initial = "[1,2,3,4,5,6,7]",
     .least = 1,
     .most = 7,
     .item = &weekday_item},
    {.name = "start", .read = schema_read_time_of_day},
    {SECONDS("duration", SCHEMA_REQUIRED, MINUTE, DAY)},
};
static const struct schema window = {SCHEMA_OF(window_keys)};
static const struct schema_key window_item = {.read = schema_read_map, .map = &window};

static const struct schema_key schedule_keys[] = {
    {.name = "startAt", .read = schema_read_time, .initial = "null"},
    {.name = "endAt", .read = schema_read_time, .initial = "null"},
    {.name = "timeZone", .read = schema_read_zone, .initial = "\"device\"", .allowed = "device, or "},
    {.name = "windows", .read = schema_read_list, .initial = "[]", .most = WINDOWS_MAX, .item = &window_item},
    {.name = "blackouts", .read = schema_read_list, .initial = "[]", .most = BLACKOUTS_MAX, .item = &blackout_item},
    {.name = "calendars", .read = schema_read_list, .initial = "[]", .most = 20, .item = &name_item},
    {CHOICE("endBehavior", "\"stop\"", "stop|cancel")},
};
static const struct schema schedule = {SCHEMA_OF(schedule_keys)};

/* ---- rate and budget ------------------------------------------------------------------------ */

static const struct schema_key rate_keys[] = {
    {INTEGER("perMinute", "null", 1, 1000000)},
    {.name = "growth", .read = schema_read_decimal, .initial = "1", .least = PERCENT(1), .most = PERCENT(10)},
    {INTEGER("growAfter", "null", 1, 1000000)},
    {INTEGER("maximumPerMinute", "null", 1, 1000000)},
};
const struct schema plan_rate_schema = {SCHEMA_OF(rate_keys)};

static const struct schema_key budget_keys[] = {
    {CHOICE("per", "\"branch\"", "branch")},
    {.name = "maxUnavailable",
     .read = schema_read_amount,
     .least = PLAN_UNAVAILABLE_LEAST,
     .most = PLAN_UNAVAILABLE_MOST},
    {CHOICE("singleDevice", "\"allow\"", "allow|skip")},
};
static const struct schema budget = {SCHEMA_OF(budget_keys)};

/* ---- groups --------------------------------------------------------------------------------- */

static const struct schema_key group_keys[] = {
    {.name = "name", .read = read_typed_name},
    {ID_LIST("devices", SCHEMA_NOTHING, 1)}, /* this key, or one of the next three: see plan_rules.c */
    {ID_LIST("branches", SCHEMA_NOTHING, 1)},
    {PERCENTAGE("percentage", SCHEMA_NOTHING, 1)},
    {INTEGER("count", SCHEMA_NOTHING, 1, 100000000)},
    {PERCENTAGE("success", "100", 0)},
    {SECONDS("soak", "0", 0, 365 * DAY)},
    {CHOICE("opens", "\"settled\"", "settled|reached"), .later = true},
    {CHOICE("approval", "\"automatic\"", "automatic|manual")},
};
static const struct schema group = {SCHEMA_OF(group_keys)};
static const struct schema_key group_item = {.read = schema_read_map, .map = &group};

/* ---- execution, abort, rollback and approvals ----------------------------------------------- */

static const struct schema_key retry_item = {.read = schema_read_choice, .allowed = "timed_out|failed"};

static const struct schema_key execution_keys[] = {
    {SECONDS("dispatchTimeout", "900", 1, 30 * DAY)},
    {SECONDS("answerTimeout", "600", 1, 30 * DAY)},
    {SECONDS("receiveTimeout", "900", 1, 30 * DAY)},
    {SECONDS("installTimeout", "3600", 1, 30 * DAY)},
    {INTEGER("retries", "0", 0, 20)},
    {.name = "retryOn",
     .read = schema_read_list,
     .initial = "[\"timed_out\",\"failed\"]",
     .most = 2,
     .item = &retry_item},
    {SECONDS("backoff", "600", 0, 30 * DAY)},
    {INTEGER("deferLimit", "10", 0, 1000)},
};
static const struct schema execution = {SCHEMA_OF(execution_keys)};

static const struct schema_key abort_keys[] = {
    {CHOICE("on", SCHEMA_REQUIRED, "failed|timed_out|rejected|out_of_service")},
    {PERCENTAGE("percentage", SCHEMA_NOTHING, 1)},
    {INTEGER("count", SCHEMA_NOTHING, 1, 100000000)},
    {INTEGER("minimum", "1", 1, 100000000)},
    {CHOICE("then", SCHEMA_REQUIRED, "pause|cancel|rollback")},
    {CHOICE("counts", "\"attempts\"", "attempts|final"), .later = true},
};
static const struct schema abort_criterion = {SCHEMA_OF(abort_keys)};
static const struct schema_key abort_item = {.read = schema_read_map, .map = &abort_criterion};

static const struct schema_key rollback_on_item = {.read = schema_read_choice, .allowed = "abort|failed|timed_out"};
static const struct schema_key rollback_keys[] = {
    {CHOICE("to", "\"previous\"", "previous")},
    {.name = "on",
     .read = schema_read_list,
     .initial = "[\"abort\"]",
     .least = 1,
     .most = 3,
     .item = &rollback_on_item},
};
static const struct schema rollback = {SCHEMA_OF(rollback_keys)};

static const struct schema_key approvals_keys[] = {{INTEGER("required", "0", 0, 10)}};
static const struct schema approvals = {SCHEMA_OF(approvals_keys)};

/* ---- the whole plan ------------------------------------------------------------------------- */

static const struct schema_key spec_keys[] = {
    {CHOICE("action", SCHEMA_REQUIRED, "install|rollback|configure|collect|run")},
    {MAP("artifact", "null", artifact)},
    {.name = "parameters", .read = schema_read_object, .initial = "null", .most = PARAMETERS_MAX},
    {INTEGER("priority", "50", 0, 100)},
    {.name = "preempt", .read = schema_read_boolean, .initial = "false"},
    {.name = "supersedes", .read = schema_read_list, .initial = "[]", .most = 100, .item = &name_item},
    {MAP("selector", SCHEMA_DEFAULTS, selector)},
    {MAP("schedule", SCHEMA_DEFAULTS, schedule)},
    {MAP("rate", SCHEMA_DEFAULTS, plan_rate_schema)},
    {MAP("disruptionBudget", "null", budget)},
    {.name = "groups",
     .read = schema_read_list,
     .initial = "[{\"name\":\"all\",\"percentage\":100,\"success\":100,\"soak\":0,\"approval\":\"automatic\"}]",
     .least = 1,
     .most = GROUPS_MAX,
     .item = &group_item},
    {.name = "abort", .read = schema_read_list, .initial = "[]", .most = 50, .item = &abort_item},
    {MAP("execution", SCHEMA_DEFAULTS, execution)},
    {MAP("rollback", "null", rollback)},
    {MAP("approvals", SCHEMA_DEFAULTS, approvals)},
};
static const struct schema spec = {SCHEMA_OF(spec_keys)};

static const struct schema_key document_keys[] = {
    {CHOICE("apiVersion", SCHEMA_REQUIRED, "tellercast/v1")},
    {CHOICE("kind", SCHEMA_REQUIRED, "Rollout")},
    {MAP("metadata", SCHEMA_REQUIRED, metadata)},
    {MAP("spec", SCHEMA_REQUIRED, spec)},
};
static const struct schema document = {SCHEMA_OF(document_keys)};

const struct schema_key plan_document_key = {.read = schema_read_map, .map = &document};
