#include "guard/peer.h"

#include "base/fault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const meter_names[METERS] = {
#define METER(constant, name, burst, per_minute) [constant] = (name),
#include "guard/meter.def"
};

const char *meter_name(enum meter meter)
{
    TC_CHECK((size_t)meter < METERS);
    return meter_names[meter];
}

void meter_defaults(struct rate rates[static METERS])
{
    static const struct rate defaults[METERS] = {
#define METER(constant, name, burst, per_minute) [constant] = {burst, per_minute},
#include "guard/meter.def"
    };
    memcpy(rates, defaults, sizeof defaults);
}

/* No ID has a colon, so a device is never called like another kind's identity. */
void peer_name(const struct identity *identity, char name[static PEER_NAME_SIZE])
{
    bool is_device = identity->kind == IDENTITY_DEVICE;
    (void)snprintf(name, PEER_NAME_SIZE, "%s%s%s", is_device ? "" : identity_kind_name(identity->kind),
                   is_device ? "" : ":", identity->id);
}

bool peer_name_parse(const char *name, struct identity *identity)
{
    char kind[16];
    const char *colon = strchr(name, ':');
    const char *id = colon == NULL ? name : colon + 1;
    *identity = (struct identity){.kind = IDENTITY_DEVICE};
    if (!id_is_valid(id, strlen(id)))
        return false;
    memcpy(identity->id, id, strlen(id));
    if (colon == NULL)
        return true;
    size_t length = (size_t)(colon - name);
    if (length >= sizeof kind)
        return false;
    memcpy(kind, name, length);
    kind[length] = '\0';
    return identity_kind_parse(kind, &identity->kind) && identity->kind != IDENTITY_DEVICE;
}

struct peer *peer_new(const struct identity *identity)
{
    struct peer *peer = calloc(1, sizeof *peer);
    TC_CHECK(peer != NULL);
    peer->identity = *identity;
    peer_name(identity, peer->name);
    return peer;
}

void peer_free(void *peer)
{
    free(((struct peer *)peer)->sessions);
    free(peer);
}

struct peer_session *peer_find_session(struct peer *peer, const void *client)
{
    for (size_t i = 0; i < peer->session_count; i++) {
        if (peer->sessions[i].client == client)
            return &peer->sessions[i];
    }
    return NULL;
}

struct peer_session *peer_find_client_id(struct peer *peer, const char *client_id)
{
    for (size_t i = 0; i < peer->session_count; i++) {
        if (strcmp(peer->sessions[i].client_id, client_id) == 0)
            return &peer->sessions[i];
    }
    return NULL;
}

void peer_add_session(struct peer *peer, const struct peer_session *session)
{
    struct peer_session *place = peer_find_client_id(peer, session->client_id);
    if (place == NULL) {
        struct peer_session *grown = realloc(peer->sessions, (peer->session_count + 1) * sizeof *grown);
        TC_CHECK(grown != NULL);
        peer->sessions = grown;
        place = &grown[peer->session_count++];
    }
    *place = *session;
    if (strcmp(session->client_id, peer->identity.id) == 0)
        peer->waiting_messages = peer->waiting_bytes = 0;
}

void peer_remove_session(struct peer *peer, const void *client)
{
    struct peer_session *session = peer_find_session(peer, client);
    if (session != NULL)
        *session = peer->sessions[--peer->session_count];
}
