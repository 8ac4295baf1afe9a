#include "topics/topic.h"

#include "topics/topic_pattern.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Every topic below the root; one that begins with '$' is under no root. A level in braces is a field of struct topic.
 * docs/asyncapi.yaml has the same addresses, and a check compares the two. */
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
    [TOPIC_WATCH] = "orchestrator/watch",
    [TOPIC_GUARD] = "broker/guard",
    [TOPIC_DIRECTORY] = "$CONTROL/tellercast",
    [TOPIC_RESPONSE] = "operator/{user}/#",
};
static_assert(sizeof patterns / sizeof *patterns == TOPIC_KINDS, "each kind has its pattern");

/* In the order of enum topic_kind. */
static const char *const kind_names[TOPIC_KINDS] = {
    "submit",   "submit_as", "start", "dispatch", "ask",   "instruction", "reply",    "confirm",
    "presence", "progress",  "epoch", "watch",    "guard", "directory",   "response",
};

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

static const struct topic_levels wildcards = {"+", "+", "+", "+"};

static void write_level(struct writer *writer, const struct level *pattern, const struct topic_levels *levels)
{
    if (level_is(pattern, "{branch}"))
        write_text(writer, levels->branch);
    else if (level_is(pattern, "{device}"))
        write_text(writer, levels->device);
    else if (level_is(pattern, "{rollout}"))
        write_text(writer, levels->rollout);
    else if (level_is(pattern, "{user}"))
        write_text(writer, levels->user);
    else
        write_part(writer, pattern->text, pattern->length);
}

static bool is_under_root(enum topic_kind kind)
{
    return patterns[kind][0] != '$';
}

static void write_pattern(struct writer *writer, const char *root, enum topic_kind kind,
                          const struct topic_levels *levels)
{
    TC_CHECK((size_t)kind < TOPIC_KINDS && strlen(root) <= TOPIC_ROOT_MAX);
    struct level rest = {patterns[kind], strlen(patterns[kind])};
    struct level level;
    const char *before = "";
    if (is_under_root(kind)) {
        write_text(writer, root);
        before = "/";
    }
    while (next_level(&rest, &level)) {
        write_text(writer, before);
        write_level(writer, &level, levels);
        before = "/";
    }
}

void topic_write_pattern(const char *root, enum topic_kind kind, const struct topic_levels *levels,
                         char name[static TOPIC_SIZE])
{
    struct writer writer = {name, 0};
    write_pattern(&writer, root, kind, levels);
}

const char *topic_kind_name(enum topic_kind kind)
{
    TC_CHECK((size_t)kind < TOPIC_KINDS);
    return kind_names[kind];
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
    TC_CHECK((size_t)topic->kind < TOPIC_RESPONSE);
    TC_CHECK(!kind_has(topic->kind, "{rollout}") || topic->rollout >= 1);
    struct topic_levels levels = {
        .branch = kind_has(topic->kind, "{branch}") ? checked_id(topic->branch) : "",
        .device = kind_has(topic->kind, "{device}") ? checked_id(topic->device) : "",
        .rollout = rollout,
        .user = kind_has(topic->kind, "{user}") ? checked_id(topic->user) : "",
    };
    struct writer writer = {name, 0};
    write_pattern(&writer, root, topic->kind, &levels);
}

enum tc_error topic_parse(const char *root, const char *name, size_t length, struct topic *topic)
{
    struct level rest = below_root(root, name, length);
    for (enum topic_kind kind = 0; kind < TOPIC_RESPONSE; kind++) {
        const struct level *part = is_under_root(kind) ? &rest : &(struct level){name, length};
        *topic = (struct topic){.kind = kind};
        if (part->text != NULL && read_topic(patterns[kind], part->text, part->length, topic))
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
    write_pattern(&writer, root, TOPIC_DISPATCH, &(struct topic_levels){.branch = "+", .device = checked_id(device)});
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
