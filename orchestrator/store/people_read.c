/* What is read of people: by each orchestrator for its table, and by operators. */
#include "orchestrator/store/connection.h"
#include "orchestrator/store/people.h"

#include <stdlib.h>

enum tc_error people_read_version(struct store *store, int64_t *version, int64_t *now_ms, struct tc_fault *fault)
{
    struct sql_people_version_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_people_version(store, &rows, fault);
    if (error != TC_OK)
        return error;
    *version = sql_people_version_at(&rows, 0).version;
    *now_ms = sql_people_version_at(&rows, 0).now_ms;
    return TC_OK;
}

/* An alias of a kind that only a newer version knows is left out. */
static bool read_credential(const struct sql_read_credentials_row *row, struct known_credential *credential)
{
    *credential = (struct known_credential){.is_token = row->kind == NULL,
                                            .is_session = row->is_session,
                                            .value = row->value,
                                            .id = row->id,
                                            .person = row->person,
                                            .roles = person_roles_parse(row->roles),
                                            .scopes = row->scopes,
                                            .expires_ms = row->has_expires_ms ? row->expires_ms : 0};
    return credential->is_token || alias_kind_parse(row->kind, &credential->kind);
}

enum tc_error people_read_credentials(struct store *store,
                                      void (*take)(void *context, const struct known_credential *credential),
                                      void *context, struct tc_fault *fault)
{
    struct sql_read_credentials_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_read_credentials(store, &rows, fault);
    for (int i = 0; error == TC_OK && i < rows.count; i++) {
        const struct sql_read_credentials_row row = sql_read_credentials_at(&rows, i);
        struct known_credential credential;
        if (read_credential(&row, &credential))
            take(context, &credential);
    }
    return error;
}

enum tc_error people_write_uses(struct store *store, const struct token_use *uses, size_t count, struct tc_fault *fault)
{
    struct sql_write_token_uses_item *items = calloc(count, sizeof *items);
    TC_CHECK(items != NULL || count == 0);
    for (size_t i = 0; i < count; i++)
        items[i] = (struct sql_write_token_uses_item){
            .id = uses[i].id, .address = uses[i].address, .used_ms = uses[i].used_ms};
    const struct sql_write_token_uses_params params = {.items = items, .item_count = count};
    enum tc_error error = sql_write_token_uses(store, &params, fault);
    free(items);
    return error;
}

enum tc_error people_list(struct store *store, const char *after, int limit, struct buffer *json,
                          struct tc_fault *fault)
{
    const struct sql_read_people_params params = {.after = after, .most = limit};
    struct sql_document_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_read_people(store, &params, &rows, fault);
    if (error == TC_OK)
        buffer_put_text(json, sql_document_at(&rows, 0).document);
    return error;
}

enum tc_error people_show(struct store *store, const char *person, struct buffer *json, struct tc_fault *fault)
{
    const struct sql_read_person_params params = {.name = person};
    struct sql_document_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_read_person(store, &params, &rows, fault);
    if (error == TC_OK && rows.count == 0)
        return tc_fault_set(fault, TC_NOT_FOUND, "database: no person has this name");
    if (error == TC_OK)
        buffer_put_text(json, sql_document_at(&rows, 0).document);
    return error;
}
