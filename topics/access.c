#include "topics/access.h"

#include "topics/topic_pattern.h"

#include <string.h>

enum { PUBLISH = 1, RECEIVE = 2, KIB = 1024 };

/* The largest messages of devices: an ask and a report have at most VERSIONS_MAX versions, and a report a detail. */
enum {
    ASK_BYTES_MAX = 16 * KIB,
    REPLY_BYTES_MAX = 32 * KIB,
    DISPATCH_BYTES_MAX = 1 * KIB,
    PRESENCE_BYTES_MAX = 1 * KIB,
    WATCH_BYTES_MAX = 1 * KIB
};

/* The level of a topic that must be the identity's own ID. */
#define OWN "%u"
#define ANY "+"

/* One right of a kind of identity. */
struct access_rule {
    enum identity_kind who;
    unsigned may;
    enum topic_kind topic;
    struct topic_levels levels; /* OWN or ANY, for each field of the topic */
    size_t payload_max;         /* of PUBLISH, as are the next two */
    bool retained;
    bool will;
};

static const struct access_rule rules[] = {
    {IDENTITY_DEVICE, RECEIVE, TOPIC_INSTRUCTION, {.device = OWN}, 0, false, false},
    {IDENTITY_DEVICE, RECEIVE, TOPIC_CONFIRM, {.device = OWN}, 0, false, false},
    {IDENTITY_DEVICE, PUBLISH, TOPIC_ASK, {.device = OWN}, ASK_BYTES_MAX, false, false},
    {IDENTITY_DEVICE, PUBLISH, TOPIC_REPLY, {.device = OWN}, REPLY_BYTES_MAX, false, false},
    {IDENTITY_DEVICE, PUBLISH, TOPIC_PRESENCE, {.device = OWN}, PRESENCE_BYTES_MAX, true, true},
    {IDENTITY_DEVICE, RECEIVE, TOPIC_START, {.branch = OWN}, 0, false, false},
    {IDENTITY_DEVICE, PUBLISH, TOPIC_DISPATCH, {.branch = OWN, .device = ANY}, DISPATCH_BYTES_MAX, false, false},
    {IDENTITY_DEVICE, RECEIVE, TOPIC_DISPATCH, {.branch = ANY, .device = OWN}, 0, false, false},

    {IDENTITY_ORCHESTRATOR, RECEIVE, TOPIC_SUBMIT, {0}, 0, false, false},
    {IDENTITY_ORCHESTRATOR, RECEIVE, TOPIC_SUBMIT_AS, {.user = ANY}, 0, false, false},
    {IDENTITY_ORCHESTRATOR, PUBLISH, TOPIC_START, {.branch = ANY}, MESSAGE_SIZE_MAX, false, false},
    {IDENTITY_ORCHESTRATOR, RECEIVE, TOPIC_ASK, {.device = ANY}, 0, false, false},
    {IDENTITY_ORCHESTRATOR, PUBLISH, TOPIC_INSTRUCTION, {.device = ANY}, MESSAGE_SIZE_MAX, true, false},
    {IDENTITY_ORCHESTRATOR, RECEIVE, TOPIC_REPLY, {.device = ANY}, 0, false, false},
    {IDENTITY_ORCHESTRATOR, PUBLISH, TOPIC_CONFIRM, {.device = ANY}, MESSAGE_SIZE_MAX, false, false},
    {IDENTITY_ORCHESTRATOR, RECEIVE, TOPIC_PRESENCE, {.device = ANY}, 0, false, false},
    {IDENTITY_ORCHESTRATOR, PUBLISH, TOPIC_PROGRESS, {.rollout = ANY}, MESSAGE_SIZE_MAX, true, false},
    {IDENTITY_ORCHESTRATOR, PUBLISH | RECEIVE, TOPIC_EPOCH, {0}, MESSAGE_SIZE_MAX, true, false},
    {IDENTITY_ORCHESTRATOR, PUBLISH | RECEIVE, TOPIC_WATCH, {0}, WATCH_BYTES_MAX, true, true},
    {IDENTITY_ORCHESTRATOR, RECEIVE, TOPIC_GUARD, {0}, 0, false, false},
    {IDENTITY_ORCHESTRATOR, PUBLISH, TOPIC_DIRECTORY, {0}, MESSAGE_SIZE_MAX, false, false},
    {IDENTITY_ORCHESTRATOR, PUBLISH, TOPIC_RESPONSE, {.user = ANY}, PLAN_SIZE_MAX, false, false},

    {IDENTITY_OPERATOR, PUBLISH, TOPIC_SUBMIT_AS, {.user = OWN}, PLAN_SIZE_MAX, false, false},
    {IDENTITY_OPERATOR, PUBLISH, TOPIC_SUBMIT, {0}, PLAN_SIZE_MAX, false, false},
    {IDENTITY_OPERATOR, RECEIVE, TOPIC_PRESENCE, {.device = ANY}, 0, false, false},
    {IDENTITY_OPERATOR, RECEIVE, TOPIC_PROGRESS, {.rollout = ANY}, 0, false, false},
    {IDENTITY_OPERATOR, RECEIVE, TOPIC_EPOCH, {0}, 0, false, false},
    {IDENTITY_OPERATOR, RECEIVE, TOPIC_GUARD, {0}, 0, false, false},
    /* The filter of an operator's own answers takes what the operator submits, too. */
    {IDENTITY_OPERATOR, RECEIVE, TOPIC_SUBMIT_AS, {.user = OWN}, 0, false, false},
    {IDENTITY_OPERATOR, RECEIVE, TOPIC_RESPONSE, {.user = OWN}, 0, false, false},
};
enum { RULE_COUNT = sizeof rules / sizeof *rules };

/* ---- names ------------------------------------------------------------------------------------ */

static const char *const identity_kind_names[IDENTITY_KINDS] = {"device", "orchestrator", "operator", "server"};

const char *identity_kind_name(enum identity_kind kind)
{
    TC_CHECK((size_t)kind < IDENTITY_KINDS);
    return identity_kind_names[kind];
}

bool identity_kind_parse(const char *name, enum identity_kind *kind)
{
    for (int i = 0; i < IDENTITY_KINDS; i++) {
        if (strcmp(name, identity_kind_names[i]) == 0) {
            *kind = (enum identity_kind)i;
            return true;
        }
    }
    return false;
}

struct denial_words {
    const char *name, *meaning;
};

static const struct denial_words denials[DENIALS] = {
#define DENIAL(constant, name, meaning) [constant] = {(name), (meaning)},
#include "topics/denial.def"
};

const char *denial_name(enum denial denial)
{
    TC_CHECK((size_t)denial < DENIALS);
    return denials[denial].name;
}

const char *denial_meaning(enum denial denial)
{
    TC_CHECK((size_t)denial < DENIALS);
    return denials[denial].meaning;
}

/* ---- publishing and receiving ------------------------------------------------------------------ */

static bool is_own(const char *level, const char *id, const struct identity *identity)
{
    return level == NULL || strcmp(level, OWN) != 0 || strcmp(id, identity->id) == 0;
}

static bool is_ones_own(const struct access_rule *rule, const struct topic *topic, const struct identity *identity)
{
    return is_own(rule->levels.branch, topic->branch, identity) &&
           is_own(rule->levels.device, topic->device, identity) && is_own(rule->levels.user, topic->user, identity);
}

static bool read_name(const char *root, const char *name, struct topic *topic)
{
    size_t length = strlen(name);
    if (topic_parse(root, name, length, topic) == TC_OK)
        return true;
    *topic = (struct topic){.kind = TOPIC_RESPONSE};
    return topic_parse_response(root, name, length, topic->user);
}

/* The rule by which the identity may do this, else NULL and the reason. */
static const struct access_rule *find_rule(const char *root, const struct identity *identity, unsigned may,
                                           const char *name, struct topic *topic, enum denial *denial)
{
    *denial = DENIAL_UNKNOWN_TOPIC;
    if (!read_name(root, name, topic))
        return NULL;
    *denial = DENIAL_NOT_PERMITTED;
    for (size_t i = 0; i < RULE_COUNT; i++) {
        const struct access_rule *rule = &rules[i];
        if (rule->who != identity->kind || rule->topic != topic->kind || (rule->may & may) == 0)
            continue;
        if (is_ones_own(rule, topic, identity)) {
            *denial = DENIAL_NONE;
            return rule;
        }
        *denial = DENIAL_NOT_OWN;
    }
    return NULL;
}

enum denial access_publish(const char *root, const struct identity *identity, const struct publication *publication,
                           struct topic *topic)
{
    enum denial denial;
    const struct access_rule *rule = find_rule(root, identity, PUBLISH, publication->topic, topic, &denial);
    if (rule == NULL)
        return denial;
    if (publication->will && !rule->will)
        return DENIAL_WILL;
    if (publication->retained && !rule->retained)
        return DENIAL_RETAINED;
    return publication->payload_bytes > rule->payload_max ? DENIAL_TOO_LARGE : DENIAL_NONE;
}

enum denial access_receive(const char *root, const struct identity *identity, const char *name, struct topic *topic)
{
    enum denial denial;
    (void)find_rule(root, identity, RECEIVE, name, topic, &denial);
    return denial;
}

/* ---- subscribing ------------------------------------------------------------------------------- */

/* The length of the level at `text`, and where the next one begins: NULL after the last. */
static size_t level_length(const char *text, const char **next)
{
    const char *slash = strchr(text, '/');
    *next = slash == NULL ? NULL : slash + 1;
    return slash == NULL ? strlen(text) : (size_t)(slash - text);
}

/* Whether `filter` takes only topics that `allowed` takes. */
static bool is_within(const char *allowed, const char *filter)
{
    while (allowed != NULL && filter != NULL) {
        const char *next_allowed, *next_filter;
        size_t allowed_length = level_length(allowed, &next_allowed);
        size_t filter_length = level_length(filter, &next_filter);
        if (strcmp(allowed, "#") == 0)
            return true;
        if (filter_length == 1 && filter[0] == '#')
            return false;
        bool is_any = allowed_length == 1 && allowed[0] == '+';
        if (!is_any && (allowed_length != filter_length || memcmp(allowed, filter, filter_length) != 0))
            return false;
        allowed = next_allowed;
        filter = next_filter;
    }
    return allowed == NULL && filter == NULL;
}

static void write_rule(const char *root, const struct access_rule *rule, const char *own, char name[static TOPIC_SIZE])
{
    struct topic_levels levels = rule->levels;
    const char **const fields[] = {&levels.branch, &levels.device, &levels.rollout, &levels.user};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        if (*fields[i] != NULL && strcmp(*fields[i], OWN) == 0)
            *fields[i] = own;
    }
    topic_write_pattern(root, rule->topic, &levels, name);
}

/* The filter of a shared subscription; NULL: `filter` is none, or its name is not valid. */
static const char *shared_filter(const char *filter)
{
    static const char prefix[] = "$share/";
    if (strncmp(filter, prefix, sizeof prefix - 1) != 0)
        return NULL;
    const char *name = filter + sizeof prefix - 1;
    const char *slash = strchr(name, '/');
    return slash != NULL && id_is_valid(name, (size_t)(slash - name)) ? slash + 1 : NULL;
}

enum denial access_subscribe(const char *root, const struct identity *identity, const char *filter,
                             enum topic_kind *kind)
{
    if (filter[0] == '$') {
        filter = shared_filter(filter);
        if (filter == NULL || identity->kind != IDENTITY_ORCHESTRATOR)
            return DENIAL_SHARED;
    }
    for (size_t i = 0; i < RULE_COUNT; i++) {
        char allowed[TOPIC_SIZE];
        if (rules[i].who != identity->kind || (rules[i].may & RECEIVE) == 0)
            continue;
        write_rule(root, &rules[i], identity->id, allowed);
        if (identity->kind == IDENTITY_DEVICE ? strcmp(allowed, filter) == 0 : is_within(allowed, filter)) {
            *kind = rules[i].topic;
            return DENIAL_NONE;
        }
    }
    if (strpbrk(filter, "+#") != NULL)
        return DENIAL_WILDCARD;
    struct topic topic;
    enum denial denial = access_receive(root, identity, filter, &topic);
    return denial == DENIAL_NONE ? DENIAL_NOT_PERMITTED : denial;
}

/* ---- the access list --------------------------------------------------------------------------- */

/* What only a broker with the guard has. */
static bool is_of_guard(enum topic_kind kind)
{
    return kind == TOPIC_GUARD || kind == TOPIC_DIRECTORY;
}

static void put_rules(struct buffer *acl, const char *subject, const char *root, enum identity_kind who,
                      const char *own)
{
    static const char *const words[] = {[PUBLISH] = "write", [RECEIVE] = "read", [PUBLISH | RECEIVE] = "readwrite"};
    for (size_t i = 0; i < RULE_COUNT; i++) {
        const struct access_rule *rule = &rules[i];
        bool is_in_pattern = who == IDENTITY_OPERATOR && rule->may == RECEIVE && rule->levels.user != NULL;
        if (rule->who != who || is_of_guard(rule->topic) || is_in_pattern)
            continue;
        char name[TOPIC_SIZE];
        write_rule(root, rule, own, name);
        buffer_format(acl, "%s %s %s\n", subject, words[rule->may], name);
    }
}

void access_write_list(const char *root, const char *orchestrator_user, struct buffer *acl)
{
    char answers[TOPIC_SIZE];
    topic_write_pattern(root, TOPIC_RESPONSE, &(struct topic_levels){.user = OWN}, answers);
    buffer_put_text(acl, "# A device, a node included: its user name is its device ID.\n");
    put_rules(acl, "pattern", root, IDENTITY_DEVICE, OWN);
    buffer_put_text(acl, "# The answers to what an operator submitted.\n");
    buffer_format(acl, "pattern read %s\n", answers);
    buffer_format(acl, "\n# The orchestrators.\nuser %s\n", orchestrator_user);
    put_rules(acl, "topic", root, IDENTITY_ORCHESTRATOR, OWN);
}

void access_write_operator(const char *root, const char *operator_user, struct buffer *acl)
{
    /* Not a pattern: a pattern would let every device submit rollouts. */
    buffer_format(acl, "\n# An operator.\nuser %s\n", operator_user);
    put_rules(acl, "topic", root, IDENTITY_OPERATOR, operator_user);
}
