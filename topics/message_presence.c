#include "base/clock.h"
#include "base/utf8.h"
#include "topics/fields.h"
#include "topics/json_text.h"
#include "topics/message.h"
#include "topics/topic.h"

#include <string.h>

static const char *const role_names[] = {
#define DEVICE_ROLE(constant, name) [constant] = (name),
#include "topics/vocabulary.def"
};
enum { ROLE_COUNT = sizeof role_names / sizeof *role_names };

const char *device_role_name(enum device_role role)
{
    TC_CHECK((size_t)role < ROLE_COUNT);
    return role_names[role];
}

bool device_role_parse(const char *name, enum device_role *role)
{
    for (int i = 0; i < ROLE_COUNT; i++) {
        if (strcmp(name, role_names[i]) == 0) {
            *role = (enum device_role)i;
            return true;
        }
    }
    return false;
}

/* A text for people, of a device: what must not be shown becomes a blank, and it is cut at a character's border. The
 * presence counts whatever the text is. */
static void take_held_reason(struct fields *fields, char reason[static HELD_REASON_MAX + 1])
{
    const char *text = fields_has(fields, "held_reason") ? fields_string(fields, "held_reason") : "";
    size_t length = 0, width;
    while (*text != '\0') {
        bool is_unsafe = utf8_begins_unsafe(text, &width);
        size_t taken = is_unsafe ? 1 : width;
        if (length + taken > HELD_REASON_MAX)
            break;
        memcpy(reason + length, is_unsafe ? " " : text, taken);
        length += taken;
        text += width;
    }
    reason[length] = '\0';
}

enum tc_error presence_decode(const void *bytes, size_t length, struct presence *presence, struct tc_fault *fault)
{
    *presence = (struct presence){0};
    struct fields fields;
    fields_open(&fields, bytes, length, MESSAGE_SIZE_MAX, fault);
    presence->online = fields_boolean(&fields, "online");
    if (!device_role_parse(fields_string(&fields, "role"), &presence->role))
        fields_refuse(&fields, "role", "allowed: node, atm, pull");
    fields_id(&fields, "branch", FIELD_OPTIONAL, presence->branch);
    if (presence->branch[0] == '\0' && presence->role != ROLE_PULL)
        fields_refuse(&fields, "branch", "is missing; only a pull client may have none");
    fields_name(&fields, "agent", FIELD_OPTIONAL, presence->agent);
    presence->held_until_ms = fields_time(&fields, "held_until", FIELD_OPTIONAL);
    take_held_reason(&fields, presence->held_reason);
    enum tc_error error = fields_close(&fields);
    if (error != TC_OK)
        *presence = (struct presence){0};
    return error;
}

void presence_encode(const struct presence *presence, struct buffer *out)
{
    buffer_format(out, "{\"online\":%s,\"role\":\"%s\"", presence->online ? "true" : "false",
                  device_role_name(presence->role));
    if (presence->branch[0] != '\0')
        buffer_format(out, ",\"branch\":\"%s\"", presence->branch);
    if (presence->agent[0] != '\0')
        buffer_format(out, ",\"agent\":\"%s\"", presence->agent);
    if (presence->held_until_ms != 0) {
        char until[TC_TIME_TEXT_SIZE];
        clock_format(presence->held_until_ms, until);
        buffer_format(out, ",\"held_until\":\"%s\",\"held_reason\":", until);
        json_text_put(out, presence->held_reason);
    }
    buffer_put_text(out, "}");
}
