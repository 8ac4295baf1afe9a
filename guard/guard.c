#include "guard/guard.h"

#include "guard/guard_state.h"

#include <stdlib.h>
#include <string.h>

enum {
    WAITING_MESSAGES = 1000,
    WAITING_BYTES = 1024 * 1024,
    SUSPENSION_MS = 60000,
    CONNECTIONS = 64,
};

struct guard_config guard_defaults(const char *root)
{
    struct guard_config config = {.root = root,
                                  .enforces = true,
                                  .waiting_messages = WAITING_MESSAGES,
                                  .waiting_bytes = WAITING_BYTES,
                                  .suspension_ms = SUSPENSION_MS,
                                  .connections = CONNECTIONS};
    meter_defaults(config.rates);
    return config;
}

struct guard *guard_open(const struct guard_config *config)
{
    struct guard *guard = calloc(1, sizeof *guard);
    TC_CHECK(guard != NULL);
    guard->config = *config;
    guard->directory = directory_open();
    guard->earliest_end_s = INT64_MAX;
    return guard;
}

void guard_close(struct guard *guard)
{
    if (guard == NULL)
        return;
    map_free(&guard->peers, peer_free);
    directory_close(guard->directory);
    free(guard->unwanted);
    free(guard);
}

struct peer *guard_find_or_add(struct guard *guard, const struct identity *identity)
{
    char name[PEER_NAME_SIZE];
    peer_name(identity, name);
    struct peer *peer = map_find(&guard->peers, name);
    if (peer == NULL && guard->peers.count < GUARD_PEERS_MAX) {
        peer = peer_new(identity);
        map_put(&guard->peers, peer->name, peer);
    }
    return peer;
}

/* ---- counting ---------------------------------------------------------------------------------- */

enum denial guard_count(struct guard *guard, const struct peer *peer, enum denial denial)
{
    if (denial == DENIAL_NONE) {
        guard->allowed++;
        return denial;
    }
    guard->denied[denial]++;
    if (peer != NULL)
        guard->denied_by_kind[peer->identity.kind]++;
    guard->status_changes++;
    return denial;
}

void guard_refuse(struct guard *guard, enum denial denial)
{
    (void)guard_count(guard, NULL, denial);
}

/* ---- who is to go ------------------------------------------------------------------------------ */

void guard_want_gone(struct guard *guard, const struct peer *peer, const char *client_id, enum denial denial)
{
    struct unwanted *grown = realloc(guard->unwanted, (guard->unwanted_count + 1) * sizeof *grown);
    TC_CHECK(grown != NULL);
    guard->unwanted = grown;
    struct unwanted *added = &grown[guard->unwanted_count++];
    *added = (struct unwanted){.denial = denial};
    memcpy(added->name, peer->name, sizeof added->name);
    (void)strncpy(added->client_id, client_id, sizeof added->client_id - 1);
}

void guard_end_session(struct guard *guard, const struct peer *peer, struct peer_session *session, enum denial denial)
{
    uint64_t reason = UINT64_C(1) << denial;
    if ((session->ended_for & reason) != 0)
        return;
    session->ended_for |= reason;
    guard_want_gone(guard, peer, session->client_id, denial);
    (void)guard_count(guard, peer, denial);
}

void guard_visit_unwanted(struct guard *guard, void (*visit)(void *context, const struct unwanted *unwanted),
                          void *context)
{
    struct unwanted *all = guard->unwanted;
    size_t count = guard->unwanted_count;
    guard->unwanted = NULL;
    guard->unwanted_count = 0;
    for (size_t i = 0; i < count; i++)
        visit(context, &all[i]);
    free(all);
}

/* ---- limits ------------------------------------------------------------------------------------ */

/* All its connections end, also those that do nothing of which the guard is told, such as pings. */
static void suspend(struct guard *guard, struct peer *peer, int64_t now_ms)
{
    bool is_new = peer->suspended_until_ms <= now_ms;
    peer->suspended_until_ms = now_ms + guard->config.suspension_ms;
    for (size_t i = 0; i < peer->session_count && is_new; i++)
        guard_want_gone(guard, peer, peer->sessions[i].client_id, DENIAL_SUSPENDED);
}

enum denial guard_settle_denial(struct guard *guard, struct peer *peer, enum denial denial, int64_t now_ms)
{
    (void)guard_count(guard, peer, denial);
    if (denial == DENIAL_NONE || !guard->config.enforces)
        return denial;
    if (!bucket_take(&peer->buckets[METER_DENIED], &guard->config.rates[METER_DENIED], now_ms))
        suspend(guard, peer, now_ms);
    return peer->suspended_until_ms > now_ms ? DENIAL_SUSPENDED : denial;
}

bool guard_is_in_time(const struct guard *guard, struct peer *peer, enum meter meter, int64_t now_ms)
{
    return bucket_take(&peer->buckets[meter], &guard->config.rates[meter], now_ms);
}
