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

/* NULL: there are too many. */
static struct peer *find_or_add(struct guard *guard, const struct identity *identity)
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

static enum denial count(struct guard *guard, const struct peer *peer, enum denial denial)
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
    (void)count(guard, NULL, denial);
}

/* All its connections end, also those that do nothing of which the guard is told, such as pings. */
static void suspend(struct guard *guard, struct peer *peer, int64_t now_ms)
{
    bool is_new = peer->suspended_until_ms <= now_ms;
    peer->suspended_until_ms = now_ms + guard->config.suspension_ms;
    for (size_t i = 0; i < peer->session_count && is_new; i++)
        guard_want_gone(guard, peer->sessions[i].client_id);
}

/* Counts what a connected client did itself; one that does too much that is denied is suspended. */
static enum denial settle_denial(struct guard *guard, struct peer *peer, enum denial denial, int64_t now_ms)
{
    (void)count(guard, peer, denial);
    if (denial == DENIAL_NONE || !guard->config.enforces)
        return denial;
    if (!bucket_take(&peer->buckets[METER_DENIED], &guard->config.rates[METER_DENIED], now_ms))
        suspend(guard, peer, now_ms);
    return peer->suspended_until_ms > now_ms ? DENIAL_SUSPENDED : denial;
}

static bool is_in_time(const struct guard *guard, struct peer *peer, enum meter meter, int64_t now_ms)
{
    return bucket_take(&peer->buckets[meter], &guard->config.rates[meter], now_ms);
}

/* ---- connecting -------------------------------------------------------------------------------- */

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

static bool is_retired(const struct guard *guard, const struct identity *identity)
{
    const struct directory_entry *entry =
        identity->kind == IDENTITY_DEVICE ? directory_find(guard->directory, identity->id) : NULL;
    return entry != NULL && entry->retired;
}

static enum denial decide_connect(struct guard *guard, const struct guard_client *client, struct peer *peer,
                                  int64_t now_ms)
{
    const struct identity *identity = &client->identity;
    if (identity->kind == IDENTITY_SERVER)
        return DENIAL_KIND;
    if (client->serial[0] != '\0' && directory_is_revoked(guard->directory, client->serial))
        return DENIAL_REVOKED;
    if (is_retired(guard, identity))
        return DENIAL_RETIRED;
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
    return is_in_time(guard, peer, METER_CONNECT, now_ms) ? DENIAL_NONE : DENIAL_TOO_FAST;
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

static void add_session(struct guard *guard, struct peer *peer, const struct guard_client *client, int64_t now_ms)
{
    struct peer_session session = {.client = client->client, .has_certificate = client->serial[0] != '\0'};
    (void)strncpy(session.client_id, client->client_id, sizeof session.client_id - 1);
    (void)strncpy(session.serial, client->serial, sizeof session.serial - 1);
    const struct peer_session *former = peer_find_client_id(peer, session.client_id);
    if (former != NULL)
        count_session(guard, peer, former, false, now_ms);
    peer_add_session(peer, &session);
    count_session(guard, peer, &session, true, now_ms);
}

enum denial guard_connect(struct guard *guard, const struct guard_client *client, int64_t now_ms)
{
    struct peer *peer = find_or_add(guard, &client->identity);
    enum denial denial = count(guard, peer, decide_connect(guard, client, peer, now_ms));
    if (peer != NULL && (denial == DENIAL_NONE || !guard->config.enforces))
        add_session(guard, peer, client, now_ms);
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

/* A connection is known by the name that the guard gave it. */
static struct peer *connected_peer(const struct guard *guard, const char *name, const void *client)
{
    struct peer *peer = map_find(&guard->peers, name);
    return peer != NULL && peer_find_session(peer, client) != NULL ? peer : NULL;
}

bool guard_is_connected(const struct guard *guard, const char *name, const void *client)
{
    return connected_peer(guard, name, client) != NULL;
}

bool guard_has_certificate(const struct guard *guard, const char *name, const void *client)
{
    struct peer *peer = connected_peer(guard, name, client);
    return peer != NULL && peer_find_session(peer, client)->has_certificate;
}

bool guard_knows_device(const struct guard *guard, const char *id)
{
    return directory_find(guard->directory, id) != NULL;
}

/* ---- publishing -------------------------------------------------------------------------------- */

/* A node may dispatch to the devices of its branch alone: the branch is its own already. */
static enum denial decide_dispatch(const struct guard *guard, const struct topic *topic)
{
    const struct directory_entry *node = directory_find(guard->directory, topic->branch);
    const struct directory_entry *device = directory_find(guard->directory, topic->device);
    if (node == NULL || node->role != ROLE_NODE || device == NULL)
        return DENIAL_UNKNOWN_DEVICE;
    if (strcmp(device->branch, topic->branch) != 0)
        return DENIAL_OTHER_BRANCH;
    return device->retired ? DENIAL_RETIRED : DENIAL_NONE;
}

static bool meter_of(enum topic_kind kind, enum meter *meter)
{
    switch (kind) {
    case TOPIC_ASK: *meter = METER_ASK; return true;
    case TOPIC_REPLY: *meter = METER_REPLY; return true;
    case TOPIC_PRESENCE: *meter = METER_PRESENCE; return true;
    case TOPIC_DISPATCH: *meter = METER_DISPATCH; return true;
    default: return false; /* no topic of devices */
    }
}

static enum denial decide_publish(const struct guard *guard, const struct identity *identity,
                                  const struct publication *publication, struct topic *topic)
{
    enum denial denial = access_publish(guard->config.root, identity, publication, topic);
    if (denial == DENIAL_NONE && is_retired(guard, identity))
        denial = DENIAL_RETIRED;
    if (denial == DENIAL_NONE && topic->kind == TOPIC_DISPATCH)
        denial = decide_dispatch(guard, topic);
    return denial;
}

/* The will of a device that was just retired is given out: it says that the device is offline. */
static enum denial publish_will(struct guard *guard, const char *name, const struct publication *publication)
{
    struct identity identity;
    struct topic topic;
    struct publication will = *publication;
    will.will = true;
    if (!peer_name_parse(name, &identity))
        return count(guard, NULL, DENIAL_NOT_PERMITTED);
    return count(guard, map_find(&guard->peers, name), access_publish(guard->config.root, &identity, &will, &topic));
}

enum denial guard_publish(struct guard *guard, const char *name, const void *client,
                          const struct publication *publication, int64_t now_ms)
{
    struct peer *peer = connected_peer(guard, name, client);
    if (peer == NULL)
        return publish_will(guard, name, publication);
    struct topic topic;
    enum denial denial = peer->suspended_until_ms > now_ms
                             ? DENIAL_SUSPENDED
                             : decide_publish(guard, &peer->identity, publication, &topic);
    enum meter meter;
    if (denial == DENIAL_NONE && peer->identity.kind == IDENTITY_DEVICE && meter_of(topic.kind, &meter) &&
        !is_in_time(guard, peer, meter, now_ms))
        denial = DENIAL_TOO_FAST;
    return settle_denial(guard, peer, denial, now_ms);
}

enum denial guard_check_properties(struct guard *guard, const char *name, const void *client, int64_t now_ms)
{
    struct peer *peer = connected_peer(guard, name, client);
    if (peer == NULL || peer->identity.kind != IDENTITY_DEVICE)
        return DENIAL_NONE;
    return settle_denial(guard, peer, DENIAL_PROPERTIES, now_ms);
}

enum denial guard_give_retained(struct guard *guard, const char *name, const char *topic_name)
{
    struct identity identity;
    struct topic topic;
    const struct publication publication = {.topic = topic_name, .retained = true};
    enum denial denial = peer_name_parse(name, &identity)
                             ? access_publish(guard->config.root, &identity, &publication, &topic)
                             : DENIAL_NOT_PERMITTED;
    return count(guard, NULL, denial);
}

/* ---- subscribing and receiving ----------------------------------------------------------------- */

/* The role of a device that is not in the table is not known: it may subscribe, and gets nothing. */
static enum denial decide_role(const struct guard *guard, const struct identity *identity, enum topic_kind kind)
{
    const struct directory_entry *entry =
        identity->kind == IDENTITY_DEVICE ? directory_find(guard->directory, identity->id) : NULL;
    if (entry == NULL)
        return DENIAL_NONE;
    if (entry->retired)
        return DENIAL_RETIRED;
    bool is_role = kind == TOPIC_START      ? entry->role == ROLE_NODE
                   : kind == TOPIC_DISPATCH ? entry->role == ROLE_ATM
                                            : true;
    return is_role ? DENIAL_NONE : DENIAL_NOT_PERMITTED;
}

static enum denial decide_subscribe(const struct guard *guard, const struct identity *identity, const char *filter)
{
    enum topic_kind kind;
    enum denial denial = access_subscribe(guard->config.root, identity, filter, &kind);
    return denial == DENIAL_NONE ? decide_role(guard, identity, kind) : denial;
}

enum denial guard_subscribe(struct guard *guard, const char *name, const void *client, const char *filter,
                            int64_t now_ms)
{
    struct peer *peer = connected_peer(guard, name, client);
    struct identity identity;
    if (peer == NULL) /* the broker looks through the filters of a session that is away */
        return peer_name_parse(name, &identity) && identity.kind == IDENTITY_DEVICE
                   ? decide_subscribe(guard, &identity, filter)
                   : DENIAL_NOT_PERMITTED;
    enum denial denial =
        peer->suspended_until_ms > now_ms ? DENIAL_SUSPENDED : decide_subscribe(guard, &peer->identity, filter);
    if (denial == DENIAL_NONE && peer->identity.kind == IDENTITY_DEVICE &&
        !is_in_time(guard, peer, METER_SUBSCRIBE, now_ms))
        denial = DENIAL_TOO_FAST;
    return settle_denial(guard, peer, denial, now_ms);
}

static enum denial decide_receive(const struct guard *guard, const struct identity *identity, const char *name)
{
    struct topic topic;
    enum denial denial = access_receive(guard->config.root, identity, name, &topic);
    if (denial != DENIAL_NONE || identity->kind != IDENTITY_DEVICE)
        return denial;
    const struct directory_entry *entry = directory_find(guard->directory, identity->id);
    if (entry != NULL && entry->retired)
        return DENIAL_RETIRED;
    if (topic.kind != TOPIC_START && topic.kind != TOPIC_DISPATCH)
        return DENIAL_NONE;
    if (entry == NULL)
        return DENIAL_UNKNOWN_DEVICE;
    if (topic.kind == TOPIC_DISPATCH && strcmp(topic.branch, entry->branch) != 0)
        return DENIAL_OTHER_BRANCH;
    return decide_role(guard, identity, topic.kind);
}

/* The session of the identity's plain ID is the one for which messages may wait. */
static enum denial queue_for(struct guard *guard, struct peer *peer, const char *client_id, size_t bytes)
{
    if (strcmp(client_id, peer->identity.id) != 0 || peer->waiting_messages + 1 > guard->config.waiting_messages ||
        peer->waiting_bytes + (int64_t)bytes > guard->config.waiting_bytes)
        return DENIAL_QUEUE_FULL;
    peer->waiting_messages++;
    peer->waiting_bytes += (int64_t)bytes;
    return DENIAL_NONE;
}

/* A filter from a time without this guard takes messages that are not for it: of a shared subscription they are lost.
 */
static void note_stray_filter(struct guard *guard, struct peer *peer, const char *client_id, enum denial denial)
{
    bool is_stray = denial == DENIAL_NOT_OWN || denial == DENIAL_NOT_PERMITTED || denial == DENIAL_UNKNOWN_TOPIC;
    if (!is_stray || peer->has_stray_filters || !guard->config.enforces)
        return;
    peer->has_stray_filters = true;
    guard_want_gone(guard, client_id);
}

enum denial guard_receive(struct guard *guard, const char *name, const void *client, const char *client_id,
                          const char *topic, size_t payload_bytes, bool queued)
{
    struct identity identity;
    struct peer *peer = connected_peer(guard, name, client);
    bool is_away = peer == NULL;
    if (is_away && peer_name_parse(name, &identity))
        peer = find_or_add(guard, &identity);
    if (peer == NULL)
        return count(guard, NULL, DENIAL_NOT_PERMITTED);
    /* Sessions of others are clean: one that is away is from a time without this guard. */
    enum denial denial = is_away && peer->identity.kind != IDENTITY_DEVICE
                             ? DENIAL_NOT_PERMITTED
                             : decide_receive(guard, &peer->identity, topic);
    note_stray_filter(guard, peer, client_id, denial);
    if (denial == DENIAL_NONE && is_away && queued)
        denial = queue_for(guard, peer, client_id, strlen(topic) + payload_bytes);
    return count(guard, peer, denial);
}
