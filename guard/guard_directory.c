/* The guard's table of devices, and who is to go because of it. */
#include "guard/guard_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void guard_want_gone(struct guard *guard, const char *client_id)
{
    char(*grown)[PEER_CLIENT_ID_MAX + 1] = realloc(guard->unwanted, (guard->unwanted_count + 1) * sizeof *grown);
    TC_CHECK(grown != NULL);
    guard->unwanted = grown;
    memset(grown[guard->unwanted_count], 0, sizeof *grown);
    (void)strncpy(grown[guard->unwanted_count++], client_id, PEER_CLIENT_ID_MAX);
}

void guard_visit_unwanted(struct guard *guard, void (*visit)(void *context, const char *client_id), void *context)
{
    char(*unwanted)[PEER_CLIENT_ID_MAX + 1] = guard->unwanted;
    size_t unwanted_count = guard->unwanted_count;
    guard->unwanted = NULL;
    guard->unwanted_count = 0;
    for (size_t i = 0; i < unwanted_count; i++)
        visit(context, unwanted[i]);
    free(unwanted);
}

static void want_gone_if_refused(void *context, void *value)
{
    struct guard *guard = context;
    const struct peer *peer = value;
    const struct directory_entry *entry = NULL;
    if (peer->identity.kind == IDENTITY_DEVICE)
        entry = directory_find(guard->directory, peer->identity.id);
    for (size_t i = 0; i < peer->session_count; i++) {
        const struct peer_session *session = &peer->sessions[i];
        bool is_revoked = session->serial[0] != '\0' && directory_is_revoked(guard->directory, session->serial);
        if (is_revoked || (entry != NULL && entry->retired))
            guard_want_gone(guard, session->client_id);
    }
}

static void note_change(struct guard *guard)
{
    guard->directory_changes++;
    if (guard->config.enforces)
        map_visit(&guard->peers, want_gone_if_refused, guard);
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
