#include "topics/topic.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Every topic below the root. A level in braces is a field of struct topic. docs/asyncapi.yaml has
 * the same addresses, and a check compares the two. */
static const char *const patterns[] = {
    [TOPIC_SUBMIT] = "rollout/submit",
    [TOPIC_SUBMIT_AS] = "operator/{user}/submit",
    [TOPIC_START] = "branch/{branch}/start",
    [TOPIC_DISPATCH] = "branch/{branch}/dispatch/{device}",
    [TOPIC_ASK] = "device/{device}/ask",
    [TOPIC_INSTRUCTION] = "device/{device}/instruction",
    [TOPIC_REPLY] = "device/{device}/reply",
    [TOPIC_CONFIRM] = "device/{device}/confirm",
    [TOPIC_PRESENCE] = "device/{device}/presence",
    [TOPIC_PROGRESS] = "rollout/{rollout}/progress",
    [TOPIC_EPOCH] = "orchestrator/epoch",
};
enum { KIND_COUNT = sizeof patterns / sizeof *patterns };

/* Below it, one level for each operator, and below that the operator's own response topics. */
static const char operators[] = "operator";
static const char submit_level[] = "submit"; /* except this one */

struct level {
    const char *text;
    size_t length;
};

/* Takes the next level off `rest`. An empty one is found between two slashes, and after a last one. */
static bool next_level(struct level *rest, struct level *level)
{
    if (rest->text == NULL)
        return false;
    const char *slash = memchr(rest->text, '/', rest->length);
    level->text = rest->text;
    level->length = slash == NULL ? rest->length : (size_t)(slash - rest->text);
    rest->text = slash == NULL ? NULL : slash + 1;
    rest->length -= slash == NULL ? rest->length : level->length + 1;
    return true;
}

static bool level_is(const struct level *level, const char *text)
{
    return strlen(text) == level->length && memcmp(level->text, text, level->length) == 0;
}

static bool read_id(const struct level *level, char id[static TC_ID_SIZE])
{
    if (!id_is_valid(level->text, level->length))
        return false;
    memcpy(id, level->text, level->length);
    id[level->length] = '\0';
    return true;
}

/* Digits only, no leading zero, at least 1: each number has one spelling. */
static bool read_rollout(const struct level *level, int64_t *rollout)
{
    enum { DIGITS_MAX = 18 }; /* digits that fit an int64_t for certain */
    if (level->length == 0 || level->length > DIGITS_MAX || level->text[0] == '0')
        return false;
    *rollout = 0;
    for (size_t i = 0; i < level->length; i++) {
        if (level->text[i] < '0' || level->text[i] > '9')
            return false;
        *rollout = *rollout * 10 + (level->text[i] - '0');
    }
    return true;
}

static bool read_level(const struct level *pattern, const struct level *level, struct topic *topic)
{
    if (level_is(pattern, "{branch}"))
        return read_id(level, topic->branch);
    if (level_is(pattern, "{device}"))
        return read_id(level, topic->device);
    if (level_is(pattern, "{user}"))
        return read_id(level, topic->user);
    if (level_is(pattern, "{rollout}"))
        return read_rollout(level, &topic->rollout);
    return pattern->length == level->length && memcmp(pattern->text, level->text, level->length) == 0;
}

static bool read_topic(const char *pattern, const char *name, size_t length, struct topic *topic)
{
    struct level pattern_rest = {pattern, strlen(pattern)};
    struct level name_rest = {name, length};
    struct level expected, found;
    while (next_level(&pattern_rest, &expected)) {
        if (!next_level(&name_rest, &found) || !read_level(&expected, &found, topic))
            return false;
    }
    return name_rest.text == NULL;
}

/* A name being written; it always fits, because IDs and roots are bounded. */
struct writer {
    char *name;
    size_t length;
};

static void write_part(struct writer *writer, const char *text, size_t length)
{
    TC_CHECK(writer->length + length < TOPIC_SIZE);
    memcpy(writer->name + writer->length, text, length);
    writer->length += length;
    writer->name[writer->length] = '\0';
}

static void write_text(struct writer *writer, const char *text)
{
    TC_CHECK(text != NULL); /* the caller gives a value for every field of the pattern */
    write_part(writer, text, strlen(text));
}

/* The value of each field: an ID, the wildcard, or the broker's placeholder for the user. */
struct level_values {
    const char *branch;
    const char *device;
    const char *rollout;
    const char *user;
};

static const struct level_values wildcards = {"+", "+", "+", "+"};

static void write_level(struct writer *writer, const struct level *pattern, const struct level_values *level_values)
{
    if (level_is(pattern, "{branch}"))
        write_text(writer, level_values->branch);
    else if (level_is(pattern, "{device}"))
        write_text(writer, level_values->device);
    else if (level_is(pattern, "{rollout}"))
        write_text(writer, level_values->rollout);
    else if (level_is(pattern, "{user}"))
        write_text(writer, level_values->user);
    else
        write_part(writer, pattern->text, pattern->length);
}

static void write_pattern(struct writer *writer, const char *root, enum topic_kind kind,
                          const struct level_values *level_values)
{
    TC_CHECK((size_t)kind < KIND_COUNT && strlen(root) <= TOPIC_ROOT_MAX);
    write_text(writer, root);
    struct level rest = {patterns[kind], strlen(patterns[kind])};
    struct level level;
    while (next_level(&rest, &level)) {
        write_text(writer, "/");
        write_level(writer, &level, level_values);
    }
}

static const char *checked_id(const char *id)
{
    TC_CHECK(id_is_valid(id, strlen(id)));
    return id;
}

/* Returns the part of `name` after "root/", or a level without text. */
static struct level below_root(const char *root, const char *name, size_t length)
{
    size_t root_length = strlen(root);
    bool below = length > root_length && memcmp(name, root, root_length) == 0 && name[root_length] == '/';
    return below ? (struct level){name + root_length + 1, length - root_length - 1} : (struct level){NULL, 0};
}

bool topic_root_is_valid(const char *root)
{
    struct level rest = {root, strlen(root)};
    if (rest.length > TOPIC_ROOT_MAX)
        return false;
    struct level level;
    while (next_level(&rest, &level)) {
        if (level.length == 0)
            return false;
        for (size_t i = 0; i < level.length; i++) {
            if (level.text[i] != '.' && !id_is_valid(&level.text[i], 1))
                return false;
        }
    }
    return true;
}

static bool kind_has(enum topic_kind kind, const char *field)
{
    return strstr(patterns[kind], field) != NULL;
}

void topic_format(const char *root, const struct topic *topic, char name[static TOPIC_SIZE])
{
    char rollout[24];
    (void)snprintf(rollout, sizeof rollout, "%" PRId64, topic->rollout);
    TC_CHECK((size_t)topic->kind < KIND_COUNT);
    TC_CHECK(!kind_has(topic->kind, "{rollout}") || topic->rollout >= 1);
    struct level_values level_values = {
        .branch = kind_has(topic->kind, "{branch}") ? checked_id(topic->branch) : "",
        .device = kind_has(topic->kind, "{device}") ? checked_id(topic->device) : "",
        .rollout = rollout,
        .user = kind_has(topic->kind, "{user}") ? checked_id(topic->user) : "",
    };
    struct writer writer = {name, 0};
    write_pattern(&writer, root, topic->kind, &level_values);
}

enum tc_error topic_parse(const char *root, const char *name, size_t length, struct topic *topic)
{
    struct level rest = below_root(root, name, length);
    for (int kind = 0; rest.text != NULL && kind < KIND_COUNT; kind++) {
        *topic = (struct topic){.kind = (enum topic_kind)kind};
        if (read_topic(patterns[kind], rest.text, rest.length, topic))
            return TC_OK;
    }
    *topic = (struct topic){0};
    return TC_INVALID;
}

void topic_filter(const char *root, enum topic_kind kind, const char *share, char filter[static TOPIC_SIZE])
{
    struct writer writer = {filter, 0};
    if (share != NULL) {
        write_text(&writer, "$share/");
        write_text(&writer, checked_id(share));
        write_text(&writer, "/");
    }
    write_pattern(&writer, root, kind, &wildcards);
}

void topic_filter_dispatch_to(const char *root, const char *device, char filter[static TOPIC_SIZE])
{
    struct writer writer = {filter, 0};
    write_pattern(&writer, root, TOPIC_DISPATCH, &(struct level_values){.branch = "+", .device = checked_id(device)});
}

bool topic_parse_response(const char *root, const char *name, size_t length, char user[static TC_ID_SIZE])
{
    struct level rest = below_root(root, name, length);
    struct level prefix, found;
    if (length >= TOPIC_SIZE || !next_level(&rest, &prefix) || !next_level(&rest, &found) || rest.length == 0)
        return false;
    if (!level_is(&prefix, operators) || level_is(&rest, submit_level))
        return false;
    for (size_t i = 0; i < rest.length; i++) {
        unsigned char c = (unsigned char)rest.text[i];
        if (c <= ' ' || c >= 0x7f || c == '+' || c == '#')
            return false;
    }
    return read_id(&found, user);
}

void topic_format_response(const char *root, const char *user, const char *name, char topic[static TOPIC_SIZE])
{
    TC_CHECK(strlen(root) <= TOPIC_ROOT_MAX);
    struct writer writer = {topic, 0};
    const char *const levels[] = {root, operators, checked_id(user), checked_id(name)};
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        if (i > 0)
            write_text(&writer, "/");
        write_text(&writer, levels[i]);
    }
}

/* One line of the access list: an access right to the topics of a kind. */
struct acl_rule {
    const char *access;
    enum topic_kind kind;
    struct level_values level_values;
};

static void put_acl_rules(struct buffer *acl, const char *subject, const char *root, const struct acl_rule *rules,
                          size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char name[TOPIC_SIZE];
        struct writer writer = {name, 0};
        write_pattern(&writer, root, rules[i].kind, &rules[i].level_values);
        buffer_format(acl, "%s %s %s\n", subject, rules[i].access, name);
    }
}

void topic_write_acl(const char *root, const char *orchestrator_user, struct buffer *acl)
{
    static const struct acl_rule device[] = {
        {"read", TOPIC_INSTRUCTION, {.device = "%u"}},
        {"read", TOPIC_CONFIRM, {.device = "%u"}},
        {"write", TOPIC_ASK, {.device = "%u"}},
        {"write", TOPIC_REPLY, {.device = "%u"}},
        {"write", TOPIC_PRESENCE, {.device = "%u"}},
        {"read", TOPIC_START, {.branch = "%u"}},
        {"write", TOPIC_DISPATCH, {.branch = "%u", .device = "+"}},
        {"read", TOPIC_DISPATCH, {.branch = "+", .device = "%u"}},
    };
    static const struct acl_rule orchestrator[] = {
        {"read", TOPIC_SUBMIT, {0}},
        {"read", TOPIC_SUBMIT_AS, {.user = "+"}},
        {"write", TOPIC_START, {.branch = "+"}},
        {"read", TOPIC_ASK, {.device = "+"}},
        {"write", TOPIC_INSTRUCTION, {.device = "+"}},
        {"read", TOPIC_REPLY, {.device = "+"}},
        {"write", TOPIC_CONFIRM, {.device = "+"}},
        {"read", TOPIC_PRESENCE, {.device = "+"}},
        {"write", TOPIC_PROGRESS, {.rollout = "+"}},
        {"readwrite", TOPIC_EPOCH, {0}},
    };
    buffer_put_text(acl, "# A device, a node included: its user name is its device ID.\n");
    put_acl_rules(acl, "pattern", root, device, sizeof device / sizeof *device);
    buffer_put_text(acl, "# The answers to what an operator submitted.\n");
    buffer_format(acl, "pattern read %s/%s/%%u/#\n", root, operators);
    buffer_format(acl, "\n# The orchestrators.\nuser %s\n", orchestrator_user);
    put_acl_rules(acl, "topic", root, orchestrator, sizeof orchestrator / sizeof *orchestrator);
    buffer_format(acl, "topic write %s/%s/+/#\n", root, operators);
}

void topic_write_acl_operator(const char *root, const char *operator_user, struct buffer *acl)
{
    /* Not a pattern: a pattern would let every device submit rollouts. */
    const struct acl_rule own[] = {
        {"write", TOPIC_SUBMIT_AS, {.user = operator_user}},
        {"write", TOPIC_SUBMIT, {0}},
        {"read", TOPIC_PRESENCE, {.device = "+"}},
        {"read", TOPIC_PROGRESS, {.rollout = "+"}},
        {"read", TOPIC_EPOCH, {0}},
    };
    buffer_format(acl, "\n# An operator.\nuser %s\n", operator_user);
    put_acl_rules(acl, "topic", root, own, sizeof own / sizeof *own);
}
