/* What acts on people and on tokens share. Private to the store. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_PEOPLE_PRIVATE_H
#define TELLERCAST_ORCHESTRATOR_STORE_PEOPLE_PRIVATE_H

#include "orchestrator/store/people.h"

/* A person, read in the transaction of an act. */
struct person_facts {
    bool is_there, is_disabled;
    bool may_approve;             /* or grant, or will once it is confirmed */
    bool own_name_waits;          /* for a second admin */
    char own_name_by[TC_ID_SIZE]; /* who created it */
    int64_t live_tokens, made_today;
};

/* Begins a transaction that changes people: others wait until it ends. Decides at once whether the actor may do it,
 * since its own change can take that away. */
enum tc_error people_begin(struct store *store, struct tc_fault *fault);
/* Commits, or rolls back when `error` is not TC_OK. */
enum tc_error people_end(struct store *store, enum tc_error error, struct tc_fault *fault);

enum tc_error people_find(struct store *store, const char *person, struct person_facts *facts, struct tc_fault *fault);
/* The same for a person who must exist and not be disabled. */
enum tc_error people_need(struct store *store, const char *person, struct person_facts *facts, struct refusal *refusal,
                          struct tc_fault *fault);

/* Creates a person who does not exist, with its own name as an author's. `*waits`: that waits for a second admin. */
enum tc_error people_insert(struct store *store, const char *person, const char *actor, bool is_confirmed,
                            struct refusal *refusal, struct tc_fault *fault);

/* Call it before a person becomes somebody who may approve or grant: a token or another name that one admin alone gave
 * would make that admin a second pair of eyes, and counts no more. Changes nothing for a person who is one already. */
enum tc_error people_void_given_alone(struct store *store, const char *person, const char *actor,
                                      struct tc_fault *fault);

#endif
