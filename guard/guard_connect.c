/* Who may connect, who is connected, and until when. */
#include "guard/guard_state.h"
#include "topics/revocation.h"

#include <string.h>

enum { MS_PER_SECOND = 1000 };

/* "A1"; of an orchestrator or operator also "A1/" and more. A device has no more: the broker keeps a session, its will
 * and its filters for each client ID, also after the connection. */
static bool is_own_client_id(const char *client_id, const struct identity *identity)
{
    size_t length = strlen(identity->id);
    if (strncmp(client_id, identity->id, length) != 0 || strlen(client_id) > PEER_CLIENT_ID_MAX)
        return false;
    return client_id[length] == '\0' || (client_id[length] == '/' && identity->kind != IDENTITY_DEVICE);
}

/* A client ID begins with its owner's ID, but identities of different kinds can have the same one; and the session of a
 * device, which may be away, has its plain ID. */
static bool is_anothers_client_id(const struct guard *guard, const struct guard_client *client)
{
    struct identity other = client->identity;
    for (other.kind = 0; other.kind < IDENTITY_SERVER; other.kind++) {
        char name[PEER_NAME_SIZE];
        peer_name(&other, name);
        struct peer *peer = other.kind == client->identity.kind ? NULL : map_find(&guard->peers, name);
        if (peer != NULL && peer_find_client_id(peer, client->client_id) != NULL)
            return true;
    }
    return client->identity.kind != IDENTITY_DEVICE && guard_knows_device(guard, client->client_id);
}

const struct directory_entry *guard_find_device(const struct guard *guard, const struct identity *identity)
{
    return identity->kind == IDENTITY_DEVICE ? directory_find(guard->directory, identity->id) : NULL;
}

enum denial guard_check_standing(const struct guard *guard, const struct identity *identity, const char *serial,
                                 int64_t not_before_s)
{
    const struct directory_entry *entry = guard_find_device(guard, identity);
    bool has_certificate = serial[0] != '\0';
    if (has_certificate && directory_is_revoked(guard->directory, serial))
        return DENIAL_REVOKED;
    if (has_certificate && entry != NULL && revocation_covers(entry->revoked_s, not_before_s))
        return DENIAL_REVOKED;
    return entry != NULL && entry->retired ? DENIAL_RETIRED : DENIAL_NONE;
}

/* A TLS session that is resumed brings its certificate along, and nobody looks at its end again. */
static bool has_expired(const struct guard_client *client)
{
    return client->serial[0] != '\0' && client->not_after_s <= client->connects_s;
}

static enum denial decide_connect(struct guard *guard, const struct guard_client *client, struct peer *peer,
                                  int64_t now_ms)
{
    const struct identity *identity = &client->identity;
    if (identity->kind == IDENTITY_SERVER)
        return DENIAL_KIND;
    enum denial standing = guard_check_standing(guard, identity, client->serial, client->not_before_s);
    if (standing != DENIAL_NONE)
        return standing;
    if (has_expired(client))
        return DENIAL_EXPIRED;
    bool is_own = client->is_bound ? is_own_client_id(client->client_id, identity)
                                   : strlen(client->client_id) <= PEER_CLIENT_ID_MAX;
    if (!is_own || is_anothers_client_id(guard, client))
        return DENIAL_CLIENT_ID;
    if (peer == NULL)
        return DENIAL_CONNECTIONS;
    if (peer->suspended_until_ms > now_ms)
        return DENIAL_SUSPENDED;
    if (peer->session_count >= guard->config.connections && peer_find_client_id(peer, client->client_id) == NULL)
        return DENIAL_CONNECTIONS;
    return guard_is_in_time(guard, peer, METER_CONNECT, now_ms) ? DENIAL_NONE : DENIAL_TOO_FAST;
}

static void count_session(struct guard *guard, const struct peer *peer, const struct peer_session *session,
                          bool is_added, int64_t now_ms)
{
    enum identity_kind kind = peer->identity.kind;
    struct bare_count *bare = kind == IDENTITY_DEVICE ? &guard->bare_devices : &guard->bare_others;
    guard->connected[kind] += is_added ? 1 : (size_t)-1;
    if (!session->has_certificate) {
        bare->connected += is_added ? 1 : (size_t)-1;
        bare->last_ms = now_ms;
        memcpy(bare->last, peer->name, sizeof bare->last);
    }
    guard->status_changes++;
}

/* `counted`: why it would have been refused. It is not counted for that again. */
static void add_session(struct guard *guard, struct peer *peer, const struct guard_client *client, enum denial counted,
                        int64_t now_ms)
{
    struct peer_session session = {.client = client->client,
                                   .has_certificate = client->serial[0] != '\0',
                                   .not_before_s = client->not_before_s,
                                   .not_after_s = client->not_after_s,
                                   .ended_for = UINT64_C(1) << counted};
    (void)strncpy(session.client_id, client->client_id, sizeof session.client_id - 1);
    (void)strncpy(session.serial, client->serial, sizeof session.serial - 1);
    const struct peer_session *former = peer_find_client_id(peer, session.client_id);
    if (former != NULL)
        count_session(guard, peer, former, false, now_ms);
    peer_add_session(peer, &session);
    if (session.has_certificate && session.not_after_s < guard->earliest_end_s)
        guard->earliest_end_s = session.not_after_s;
    count_session(guard, peer, &session, true, now_ms);
}

enum denial guard_connect(struct guard *guard, const struct guard_client *client, int64_t now_ms)
{
    struct peer *peer = guard_find_or_add(guard, &client->identity);
    enum denial denial = guard_count(guard, peer, decide_connect(guard, client, peer, now_ms));
    if (peer != NULL && (denial == DENIAL_NONE || !guard->config.enforces))
        add_session(guard, peer, client, denial, now_ms);
    return denial;
}

void guard_disconnect(struct guard *guard, const char *name, const void *client, int64_t now_ms)
{
    struct peer *peer = map_find(&guard->peers, name);
    const struct peer_session *session = peer == NULL ? NULL : peer_find_session(peer, client);
    if (session == NULL)
        return;
    count_session(guard, peer, session, false, now_ms);
    peer_remove_session(peer, client);
}

struct peer *guard_connected_peer(const struct guard *guard, const char *name, const void *client)
{
    struct peer *peer = map_find(&guard->peers, name);
    return peer != NULL && peer_find_session(peer, client) != NULL ? peer : NULL;
}

bool guard_is_connected(const struct guard *guard, const char *name, const void *client)
{
    return guard_connected_peer(guard, name, client) != NULL;
}

bool guard_has_certificate(const struct guard *guard, const char *name, const void *client)
{
    struct peer *peer = guard_connected_peer(guard, name, client);
    return peer != NULL && peer_find_session(peer, client)->has_certificate;
}

bool guard_knows_device(const struct guard *guard, const char *id)
{
    return directory_find(guard->directory, id) != NULL;
}

/* ---- certificates that expire ------------------------------------------------------------------- */

struct expiry {
    struct guard *guard;
    int64_t now_s;
    int64_t earliest_s; /* end of those that have not expired */
};

static void end_expired(void *context, void *value)
{
    struct expiry *expiry = context;
    struct peer *peer = value;
    for (size_t i = 0; i < peer->session_count; i++) {
        struct peer_session *session = &peer->sessions[i];
        if (!session->has_certificate)
            continue;
        if (session->not_after_s <= expiry->now_s)
            guard_end_session(expiry->guard, peer, session, DENIAL_EXPIRED);
        else if (session->not_after_s < expiry->earliest_s)
            expiry->earliest_s = session->not_after_s;
    }
}

/* The end of a certificate is a whole second, so all identities are looked at once a second at most. */
void guard_end_expired(struct guard *guard, int64_t now_real_ms)
{
    struct expiry expiry = {.guard = guard, .now_s = now_real_ms / MS_PER_SECOND, .earliest_s = INT64_MAX};
    if (expiry.now_s < guard->earliest_end_s)
        return;
    map_visit(&guard->peers, end_expired, &expiry);
    guard->earliest_end_s = expiry.earliest_s;
}
