/* An act: what somebody did or tried, for the record of acts. One thread at a time. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_ACT_H
#define TELLERCAST_ORCHESTRATOR_STORE_ACT_H

#include "config/operation.h"
#include "config/plan.h"
#include "orchestrator/access/access.h"

#include <stdbool.h>
#include <stdint.h>

/* Of texts; longer ones are cut. */
enum { ACT_WORD_SIZE = 32, ACT_ADDRESS_SIZE = 72, ACT_OBJECT_SIZE = 136, ACT_DETAILS_SIZE = 512 };

/* What the transaction of an act finds out about its actor: that may have changed since the endpoint looked. */
enum actor_standing {
    ACTOR_MAY,
    ACTOR_TOKEN_IS_GONE, /* its token or session counts no more */
    ACTOR_ALIAS_IS_GONE, /* its other name is no person's any more */
    ACTOR_MAY_NOT,       /* its roles do not allow it any more */
};

/* A text that is "" is none. */
struct act {
    struct subject subject;                 /* as the endpoint knew it */
    uint64_t decided;                       /* a bit for each operation that the endpoint allowed it */
    bool is_decided;                        /* again, in the present transaction */
    enum actor_standing standing;           /* as that found it */
    char person[TC_ID_SIZE];                /* "": nobody who is known */
    char credential[ALIAS_VALUE_SIZE + 16]; /* of a peer that is not known: the name that it gave */
    /* "http", "mqtt", "socket", "est"; "machine": a command or the settings on the orchestrator's machine */
    const char *endpoint;
    char address[ACT_ADDRESS_SIZE];                           /* of the peer; "": it has none */
    char operation[ACT_WORD_SIZE];                            /* of operations.def; of other acts their verb */
    char verb[ACT_WORD_SIZE];                                 /* "pause" */
    char object_kind[ACT_WORD_SIZE], object[ACT_OBJECT_SIZE]; /* "rollout", "42" */
    char digest[PLAN_DIGEST_SIZE];
    int64_t version; /* 0: none */
    enum act_outcome outcome;
    char reason[OPERATION_REASON_MAX + 1]; /* that the person gave */
    char refusal[TC_FAULT_TEXT_SIZE];
    char details[ACT_DETAILS_SIZE]; /* a JSON object */
    int64_t times;                  /* as many equal ones */
    int64_t at_ms;                  /* monotonic; 0: now */
    bool is_recorded;
};

/* An act of a subject by an operation of which it is the only one: the verb is the operation's name. */
struct act act_begin(const struct subject *subject, enum access_operation operation, const char *endpoint,
                     const char *address);

/* An act of a peer that is not known: of one that gave this name, "" when it gave none. `verb`: what it wanted. */
struct act act_begin_unknown(const char *endpoint, const char *address, const char *name, const char *verb);

/* An act of an orchestrator itself, which does what its settings say. */
struct act act_begin_own(const char *orchestrator, const char *verb);

/* Each may be called with NULL instead of an act, and then does nothing. */
void act_set_person(struct act *act, const char *person);
void act_set_verb(struct act *act, const char *verb);
/* The act goes by a right that the endpoint looked at beside that to the act's own operation. */
void act_goes_by(struct act *act, enum access_operation operation);
void act_set_object(struct act *act, const char *kind, const char *object);
void act_set_rollout(struct act *act, int64_t rollout);
void act_set_reason(struct act *act, const char *reason);
/* `digest` "" and `version` 0: none. */
void act_set_seen(struct act *act, const char *digest, int64_t version);
/* Sets the details: names and texts in turn; `pairs` ends with a NULL. A text that is NULL or "" is left out. Details
 * that are too long are left out as a whole. */
void act_set_pairs(struct act *act, const char *const *pairs);
#define act_set_details(act, ...) act_set_pairs(act, (const char *const[]){__VA_ARGS__, NULL})
/* It was not done. Puts characters that are valid in place of those that are not. */
void act_set_refused(struct act *act, enum act_outcome outcome, const char *refusal);

#endif
