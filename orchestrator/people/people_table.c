#include "orchestrator/people/people_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A token, by its digest, or another name. */
struct entry {
    char value[ALIAS_VALUE_SIZE];
    int kind; /* of an alias; TOKEN_KIND, SESSION_KIND */
    char id[TOKEN_ID_SIZE];
    char person[TC_ID_SIZE];
    unsigned roles;
    char *scopes; /* as struct subject has them */
    int64_t expires_ms;
    _Atomic int64_t noted_ms;
};

enum { SESSION_KIND = -2, TOKEN_KIND = -1, FIRST_CAPACITY = 64 };
_Static_assert(TOKEN_DIGEST_SIZE <= ALIAS_VALUE_SIZE, "a digest fits a value");

struct people_table {
    struct entry *entries; /* sorted by kind and value */
    size_t count, capacity;
    int64_t version;
};

struct people_table *people_table_open(int64_t version)
{
    struct people_table *table = calloc(1, sizeof *table);
    TC_CHECK(table != NULL);
    table->version = version;
    return table;
}

void people_table_close(struct people_table *table)
{
    if (table == NULL)
        return;
    for (size_t i = 0; i < table->count; i++)
        free(table->entries[i].scopes);
    free(table->entries);
    free(table);
}

void people_table_add(struct people_table *table, const struct known_credential *credential)
{
    if (table->count == table->capacity) {
        table->capacity = table->capacity == 0 ? FIRST_CAPACITY : 2 * table->capacity;
        table->entries = reallocarray(table->entries, table->capacity, sizeof *table->entries);
        TC_CHECK(table->entries != NULL);
    }
    struct entry *entry = &table->entries[table->count++];
    memset(entry, 0, sizeof *entry);
    entry->kind = credential->is_session ? SESSION_KIND : credential->is_token ? TOKEN_KIND : (int)credential->kind;
    entry->roles = credential->roles;
    entry->expires_ms = credential->expires_ms;
    entry->scopes = strdup(credential->scopes == NULL ? "" : credential->scopes);
    TC_CHECK(entry->scopes != NULL);
    (void)snprintf(entry->value, sizeof entry->value, "%s", credential->value);
    (void)snprintf(entry->person, sizeof entry->person, "%s", credential->person);
    (void)snprintf(entry->id, sizeof entry->id, "%s", credential->id == NULL ? "" : credential->id);
}

static int compare(const void *left, const void *right)
{
    const struct entry *one = left, *other = right;
    if (one->kind != other->kind)
        return one->kind < other->kind ? -1 : 1;
    return strcmp(one->value, other->value);
}

void people_table_end_list(struct people_table *table)
{
    if (table->count > 0)
        qsort(table->entries, table->count, sizeof *table->entries, compare);
}

/* The time of the search depends on the digests that are there. That tells nothing of a token: who knew a digest whole
 * would still have to find a text that has it. */
static struct entry *find(const struct people_table *table, int kind, const char *value)
{
    struct entry sought = {.kind = kind};
    int length = snprintf(sought.value, sizeof sought.value, "%s", value);
    if (length < 0 || (size_t)length >= sizeof sought.value || table->count == 0)
        return NULL;
    return bsearch(&sought, table->entries, table->count, sizeof *table->entries, compare);
}

static void fill(const struct people_table *table, const struct entry *entry, const char *kind, const char *value,
                 struct subject *subject)
{
    *subject = (struct subject){.kind = SUBJECT_PERSON, .roles = entry->roles, .version = table->version};
    subject_set_scopes(subject, entry->scopes);
    (void)snprintf(subject->name, sizeof subject->name, "%s", entry->person);
    (void)snprintf(subject->credential, sizeof subject->credential, "%s %s", kind, value);
}

bool people_table_find_token(const struct people_table *table, const char *digest, int64_t now_ms,
                             struct subject *subject, char id[static TOKEN_ID_SIZE], _Atomic int64_t **noted_ms)
{
    struct entry *entry = find(table, TOKEN_KIND, digest);
    if (entry == NULL || entry->expires_ms <= now_ms)
        return false;
    fill(table, entry, CREDENTIAL_TOKEN, entry->id, subject);
    memcpy(id, entry->id, TOKEN_ID_SIZE);
    *noted_ms = &entry->noted_ms;
    return true;
}

bool people_table_find_session(const struct people_table *table, const char *digest, int64_t now_ms,
                               struct subject *subject)
{
    const struct entry *entry = find(table, SESSION_KIND, digest);
    if (entry == NULL || entry->expires_ms <= now_ms)
        return false;
    fill(table, entry, CREDENTIAL_SESSION, entry->id, subject);
    return true;
}

bool people_table_find_alias(const struct people_table *table, enum alias_kind kind, const char *value,
                             struct subject *subject)
{
    const struct entry *entry = find(table, (int)kind, value);
    if (entry == NULL)
        return false;
    fill(table, entry, alias_kind_name(kind), entry->value, subject);
    return true;
}
