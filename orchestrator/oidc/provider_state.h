/* The whole of an identity provider. Private to provider*.c. */
#ifndef TELLERCAST_ORCHESTRATOR_OIDC_PROVIDER_STATE_H
#define TELLERCAST_ORCHESTRATOR_OIDC_PROVIDER_STATE_H

#include "base/buffer.h"
#include "orchestrator/oidc/provider.h"
#include "orchestrator/oidc/provider_keys.h"
#include "orchestrator/worker/worker.h"

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>

/* Where a provider does what, as it publishes it; owned texts. */
struct provider_places {
    char *keys, *authorization, *token; /* the latter two NULL: it publishes none */
};

struct provider {
    struct provider_config config;
    char *origin;                 /* of config.redirect_url; NULL: nobody signs in */
    char *client, *client_secret; /* percent-encoded, for HTTP Basic; the secret NULL: the client has none */
    json_t *groups;
    struct batch_queue *wakes, *sign_ins; /* the latter of struct provider_sign_in * */
    struct worker *worker, *sign_in_worker;
    atomic_bool stop;
    int64_t next_ms; /* monotonic; when the keys are read next, unless one is missing; the worker's */
    bool is_lost;    /* the last reading failed; the worker's */

    pthread_rwlock_t lock;
    struct provider_keys *keys; /* NULL: none were read yet */
    struct provider_places places;
    int64_t read_ms;          /* monotonic; before the last successful reading */
    atomic_bool is_wanted;    /* a key is missing */
    _Atomic int64_t asked_ms; /* monotonic; when one was missing last, and looked for */
};

/* provider_reading.c */

void provider_free_places(struct provider_places *places);
/* Asks the provider: GET, or POST of a form as the client. Appends the answer. */
enum tc_error provider_ask(struct provider *provider, const char *url, const char *form, struct buffer *answer,
                           struct tc_fault *fault);
/* Reads the provider's keys, and puts them in place of those before. */
enum tc_error provider_refresh(struct provider *provider, struct tc_fault *fault);
/* Returns TC_OK with the lock held for reading when the keys may be used. */
enum tc_error provider_use_keys(struct provider *provider, struct tc_fault *fault);
/* Whether a missing key may be looked for now: once in PROVIDER_AGAIN_MS, whoever asks. */
bool provider_may_look_again(struct provider *provider);
/* Says who has a token with these claims. TC_DENIED: nobody can be linked to it. */
enum tc_error provider_identify(const struct provider *provider, const json_t *claims,
                                struct provider_identity *identity, struct tc_fault *fault);

/* provider_sign_in.c; provider_sign_in_close after provider->sign_in_worker was stopped. */
enum tc_error provider_sign_in_open(struct provider *provider, struct tc_fault *fault);
void provider_sign_in_close(struct provider *provider);

#endif
