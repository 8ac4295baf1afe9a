/* By which tokens and other names people are known: a copy of what the database has, to be searched without waiting. It
 * does not change after people_table_end_list. Pure; then any thread. */
#ifndef TELLERCAST_ORCHESTRATOR_PEOPLE_PEOPLE_TABLE_H
#define TELLERCAST_ORCHESTRATOR_PEOPLE_PEOPLE_TABLE_H

#include "orchestrator/access/access.h"
#include "orchestrator/store/people.h"

#include <stdatomic.h>

struct people_table;

/* `version`: of the tables of people that it is filled from; what is read may be of a later one. */
struct people_table *people_table_open(int64_t version);
void people_table_close(struct people_table *table);

/* Add all credentials, then end the list. */
void people_table_add(struct people_table *table, const struct known_credential *credential);
void people_table_end_list(struct people_table *table);

/* Find who has a token of this digest, a session of it, or this other name. False: nobody, or it has expired at
 * `now_ms`.
 * `*noted_ms` is a place for the caller's own use, 0 at first. */
bool people_table_find_token(const struct people_table *table, const char *digest, int64_t now_ms,
                             struct subject *subject, char id[static TOKEN_ID_SIZE], _Atomic int64_t **noted_ms);
bool people_table_find_session(const struct people_table *table, const char *digest, int64_t now_ms,
                               struct subject *subject);
bool people_table_find_alias(const struct people_table *table, enum alias_kind kind, const char *value,
                             struct subject *subject);

#endif
