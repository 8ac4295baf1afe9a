/* What a client may publish, subscribe to and receive. */
#include "guard/guard_state.h"

#include <string.h>

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

static bool is_retired(const struct guard *guard, const struct identity *identity)
{
    const struct directory_entry *entry = guard_find_device(guard, identity);
    return entry != NULL && entry->retired;
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
        return guard_count(guard, NULL, DENIAL_NOT_PERMITTED);
    return guard_count(guard, map_find(&guard->peers, name),
                       access_publish(guard->config.root, &identity, &will, &topic));
}

enum denial guard_publish(struct guard *guard, const char *name, const void *client,
                          const struct publication *publication, int64_t now_ms)
{
    struct peer *peer = guard_connected_peer(guard, name, client);
    if (peer == NULL)
        return publish_will(guard, name, publication);
    struct topic topic;
    enum denial denial = peer->suspended_until_ms > now_ms
                             ? DENIAL_SUSPENDED
                             : decide_publish(guard, &peer->identity, publication, &topic);
    enum meter meter;
    if (denial == DENIAL_NONE && peer->identity.kind == IDENTITY_DEVICE && meter_of(topic.kind, &meter) &&
        !guard_is_in_time(guard, peer, meter, now_ms))
        denial = DENIAL_TOO_FAST;
    return guard_settle_denial(guard, peer, denial, now_ms);
}

enum denial guard_check_properties(struct guard *guard, const char *name, const void *client, int64_t now_ms)
{
    struct peer *peer = guard_connected_peer(guard, name, client);
    if (peer == NULL || peer->identity.kind != IDENTITY_DEVICE)
        return DENIAL_NONE;
    return guard_settle_denial(guard, peer, DENIAL_PROPERTIES, now_ms);
}

enum denial guard_give_retained(struct guard *guard, const char *name, const char *topic_name)
{
    struct identity identity;
    struct topic topic;
    const struct publication publication = {.topic = topic_name, .retained = true};
    enum denial denial = peer_name_parse(name, &identity)
                             ? access_publish(guard->config.root, &identity, &publication, &topic)
                             : DENIAL_NOT_PERMITTED;
    return guard_count(guard, NULL, denial);
}

/* ---- subscribing and receiving ----------------------------------------------------------------- */

/* The role of a device that is not in the table is not known: it may subscribe, and gets nothing. */
static enum denial decide_role(const struct guard *guard, const struct identity *identity, enum topic_kind kind)
{
    const struct directory_entry *entry = guard_find_device(guard, identity);
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
    struct peer *peer = guard_connected_peer(guard, name, client);
    struct identity identity;
    if (peer == NULL) /* the broker looks through the filters of a session that is away */
        return peer_name_parse(name, &identity) && identity.kind == IDENTITY_DEVICE
                   ? decide_subscribe(guard, &identity, filter)
                   : DENIAL_NOT_PERMITTED;
    enum denial denial =
        peer->suspended_until_ms > now_ms ? DENIAL_SUSPENDED : decide_subscribe(guard, &peer->identity, filter);
    if (denial == DENIAL_NONE && peer->identity.kind == IDENTITY_DEVICE &&
        !guard_is_in_time(guard, peer, METER_SUBSCRIBE, now_ms))
        denial = DENIAL_TOO_FAST;
    return guard_settle_denial(guard, peer, denial, now_ms);
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

/* Sessions of others are clean: one that is away is from a time without this guard. Or it ends at this moment, and its
 * own will comes to it. */
static enum denial decide_receive_away(const struct guard *guard, const struct identity *identity, const char *name)
{
    struct topic topic;
    bool is_mark = topic_parse(guard->config.root, name, strlen(name), &topic) == TC_OK && topic.kind == TOPIC_WATCH;
    return is_mark ? decide_receive(guard, identity, name) : DENIAL_NOT_PERMITTED;
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
    guard_want_gone(guard, peer, client_id, denial);
}

enum denial guard_receive(struct guard *guard, const char *name, const void *client, const char *client_id,
                          const char *topic, size_t payload_bytes, bool queued)
{
    struct identity identity;
    struct peer *peer = guard_connected_peer(guard, name, client);
    bool is_away = peer == NULL;
    if (is_away && peer_name_parse(name, &identity))
        peer = guard_find_or_add(guard, &identity);
    if (peer == NULL)
        return guard_count(guard, NULL, DENIAL_NOT_PERMITTED);
    enum denial denial = is_away && peer->identity.kind != IDENTITY_DEVICE
                             ? decide_receive_away(guard, &peer->identity, topic)
                             : decide_receive(guard, &peer->identity, topic);
    note_stray_filter(guard, peer, client_id, denial);
    if (denial == DENIAL_NONE && is_away && queued && peer->identity.kind == IDENTITY_DEVICE)
        denial = queue_for(guard, peer, client_id, strlen(topic) + payload_bytes);
    return guard_count(guard, peer, denial);
}
