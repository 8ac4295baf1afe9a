/* The guard's table of devices, and whose connections end because of it. */
#include "guard/guard_state.h"

#include <stdio.h>

static void end_if_refused(void *context, void *value)
{
    struct guard *guard = context;
    struct peer *peer = value;
    for (size_t i = 0; i < peer->session_count; i++) {
        struct peer_session *session = &peer->sessions[i];
        enum denial denial = guard_check_standing(guard, &peer->identity, session->serial, session->not_before_s);
        if (denial != DENIAL_NONE)
            guard_end_session(guard, peer, session, denial);
    }
}

static void note_change(struct guard *guard)
{
    guard->directory_changes++;
    map_visit(&guard->peers, end_if_refused, guard);
}

enum tc_error guard_take_directory(struct guard *guard, const void *bytes, size_t length, struct tc_fault *fault)
{
    struct directory_message message;
    bool is_changed = false;
    enum tc_error error = directory_decode(bytes, length, &message, fault);
    if (error == TC_OK)
        error = directory_take(guard->directory, &message, &is_changed, fault);
    directory_free(&message);
    (void)snprintf(guard->directory_fault, sizeof guard->directory_fault, "%.*s",
                   (int)sizeof guard->directory_fault - 1, error == TC_OK ? "" : fault->text);
    guard->status_changes++;
    if (is_changed)
        note_change(guard);
    return error;
}

void guard_write_directory(const struct guard *guard, struct buffer *out)
{
    directory_write(guard->directory, out);
}

enum tc_error guard_read_directory(struct guard *guard, const char *text, size_t length, struct tc_fault *fault)
{
    enum tc_error error = directory_read(guard->directory, text, length, fault);
    if (error == TC_OK)
        guard->status_changes++;
    return error;
}

uint64_t guard_directory_changes(const struct guard *guard)
{
    return guard->directory_changes;
}
