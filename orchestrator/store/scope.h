/* A plan's selector as the parameters of device_scope() and group_members(). Private to the store. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_SCOPE_H
#define TELLERCAST_ORCHESTRATOR_STORE_SCOPE_H

#include "orchestrator/store/connection.h"

#include <jansson.h>

/* Returns the value of spec.PART.KEY in a plan's canonical tree. */
json_t *plan_at(const json_t *plan, const char *part, const char *key);

/* An array of the JSON's texts. The JSON owns the texts; the caller frees the array with sql_texts_free. */
struct sql_texts texts_of(const json_t *texts);
void sql_texts_free(struct sql_texts *texts);
/* NULL for NULL; the caller frees it. */
char *json_text_of(const json_t *value);

/* The selector of a plan's canonical tree, which must outlive it. */
struct sql_scope scope_of(const json_t *plan);
void scope_free(struct sql_scope *scope);

/* The same with the plan's groups and the seed, which divide the `devices` in scope between them. */
struct sql_members members_of(const json_t *plan, int64_t seed, int64_t devices);
void members_free(struct sql_members *members);

/* `struct sql_scope scope SCOPE_AUTO = scope_of(plan);` is freed at the end of its scope. */
#define SCOPE_AUTO __attribute__((cleanup(scope_free)))
#define MEMBERS_AUTO __attribute__((cleanup(members_free)))
#define TEXTS_AUTO __attribute__((cleanup(sql_texts_free)))

#endif
