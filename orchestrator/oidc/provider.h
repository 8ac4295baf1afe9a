/* The identity provider of the bank (OpenID Connect): what it publishes of itself and its keys, read in the background;
 * the tokens that it signed; and the sign-in of people. */
#ifndef TELLERCAST_ORCHESTRATOR_OIDC_PROVIDER_H
#define TELLERCAST_ORCHESTRATOR_OIDC_PROVIDER_H

#include "base/buffer.h"
#include "base/fault.h"
#include "orchestrator/access/access.h"

#include <stdbool.h>
#include <stdint.h>

/* A key that no known set has is looked for again after so long at the earliest. */
#define PROVIDER_AGAIN_MS 10000
/* Sign-ins that wait for the provider; a further one is refused. */
#define PROVIDER_SIGN_INS_MAX 32

struct provider;

struct provider_config {
    const char *issuer;       /* its URL, exactly as its tokens have it */
    const char *audience;     /* of bearer tokens; "": none are taken */
    const char *client_id;    /* this orchestrator at the provider; "": nobody signs in */
    const char *secret_file;  /* whose first line is the client's secret; "": it has none */
    const char *redirect_url; /* where the provider sends a browser back */
    const char *ca_file;      /* of the authorities of its servers; "": those of the system */
    const char *groups_claim; /* the claim with the groups */
    const char *groups;       /* JSON: groups to lists of roles */
    int64_t refresh_ms;       /* how often the keys are read */
    int64_t keys_max_age_ms;  /* how long they count while they cannot be read again */
    int64_t session_ms;       /* how long somebody who signed in stays so */
    bool insecure_loopback;   /* the provider may be without TLS on loopback */
};

/* TC_INVALID when provider_open could not use a setting; the fault names it. provider_check_files: a file. */
enum tc_error provider_check(const struct provider_config *config, struct tc_fault *fault);
enum tc_error provider_check_files(const struct provider_config *config, struct tc_fault *fault);

/* Starts to read the provider's keys; does not wait for them. The texts of `config` must outlive it. */
enum tc_error provider_open(const struct provider_config *config, struct provider **provider, struct tc_fault *fault);
/* Ends requests to the provider and sign-ins that wait: each `take` was called when it returns. Call it before those
 * who wait are closed. provider_close frees it. NULL is allowed. */
void provider_stop(struct provider *provider);
void provider_close(struct provider *provider);
/* NULL is allowed: now. */
int64_t provider_last_progress_ms(const struct provider *provider);

/* Who signed in at the provider. */
struct provider_identity {
    char alias[ALIAS_VALUE_SIZE]; /* of the kind ALIAS_OIDC: issuer#sub */
    unsigned roles;               /* that its groups give */
};

/* Whether a token may be one of the provider. */
bool provider_is_bearer(const char *token);
/* Checks a bearer token. TC_DENIED: it is refused, and the fault says why, for the log. TC_UNAVAILABLE: its key is not
 * known now; if it is none that is missing for good, it will be in a moment. Does not wait. Any thread. */
enum tc_error provider_check_bearer(struct provider *provider, const char *token, struct provider_identity *identity,
                                    struct tc_fault *fault);

/* ---- sign-in: provider_sign_in.c. Any thread ---- */

/* The origin of the pages of people who sign in (RFC 6454), as a browser writes it; NULL: nobody signs in. `provider`
 * may be NULL. */
const char *provider_origin(const struct provider *provider);
bool provider_is_issuer(const struct provider *provider, const char *issuer);
int64_t provider_session_s(const struct provider *provider);

/* Appends the URL to which the browser with this secret (sign_in.h) is sent. TC_UNAVAILABLE: it is not known yet. */
enum tc_error provider_put_sign_in_url(struct provider *provider, const char *secret, struct buffer *url,
                                       struct tc_fault *fault);

/* What came back with the browser. `take` is called once, on a thread of the provider, which it may keep for the
 * database. */
struct provider_sign_in {
    const char *secret, *state, *code; /* valid until `take` returns */
    void (*take)(void *context, enum tc_error error, const struct provider_identity *identity,
                 const struct tc_fault *fault);
    void *context;
};
/* Redeems the code. TC_BUSY: too many wait; `take` is not called. Otherwise `take` gets TC_OK; TC_DENIED: it is
 * refused, and the fault says why, for the log; or TC_UNAVAILABLE. */
enum tc_error provider_end_sign_in(struct provider *provider, const struct provider_sign_in *sign_in,
                                   struct tc_fault *fault);

#endif
