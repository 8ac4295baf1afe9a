/* The sessions of people who signed in at the identity provider. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_SESSIONS_H
#define TELLERCAST_ORCHESTRATOR_STORE_SESSIONS_H

#include "orchestrator/store/people.h"

/* Most sessions of a person; one more ends the oldest. */
#define SESSIONS_MAX 20

struct new_session {
    const char *id, *digest;
    const char *alias;   /* of the kind ALIAS_OIDC */
    unsigned roles;      /* that its groups give */
    const char *address; /* of the browser */
    int64_t valid_s;
};
/* Creates a session of the person that the alias is linked to. TC_NOT_FOUND: it is linked to nobody. */
enum tc_error sessions_create(struct store *store, const struct new_session *session, char person[static TC_ID_SIZE],
                              char expires_at[static 32], struct tc_fault *fault);
/* Ends a session, if it is there. */
enum tc_error sessions_end(struct store *store, const char *digest, struct tc_fault *fault);

#endif
