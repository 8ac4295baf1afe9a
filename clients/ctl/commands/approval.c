/* What waits for an approval or for a second person. */
#include "clients/ctl/commands/approval.h"

#include "clients/ctl/commands/amendment_words.h"
#include "clients/ctl/commands/run.h"
#include "clients/ctl/commands/session.h"
#include "clients/ctl/screen/text.h"

#include <inttypes.h>
#include <string.h>

static void put_subject(const char *kind, const json_t *what, struct buffer *text)
{
    if (json_is_integer(json_object_get(what, "review")))
        buffer_format(text, "%" PRId64 " of ", document_number(what, "review"));
    if (json_is_integer(json_object_get(what, "rollout")))
        buffer_format(text, "%s%s", document_text(what, "name"), *document_text(what, "group") == '\0' ? "" : ", ");
    buffer_put_text(text, document_text(what, "group"));
    if (strcmp(kind, "unblock") == 0)
        buffer_format(text, "%s %s", document_text(what, "name"), document_text(what, "version"));
    if (strcmp(kind, "amendment") == 0) {
        buffer_format(text, ", amendment %" PRId64 ": ", document_number(what, "amendment"));
        amendment_put_change(document_text(what, "changes"), what, text);
    }
    if (strcmp(kind, "lift_freeze") == 0)
        buffer_format(text, "freeze %" PRId64, document_number(what, "freeze"));
    if (strcmp(kind, "role") == 0)
        buffer_format(text, "%s for %s", document_text(what, "role"), document_text(what, "person"));
    if (strcmp(kind, "alias") == 0)
        buffer_format(text, "%s for %s", document_text(what, "alias"), document_text(what, "person"));
    if (strcmp(kind, "token") == 0)
        buffer_format(text, "%s for %s", document_text(what, "token"), document_text(what, "person"));
}

static const char *words_for(const char *not_by_you)
{
    static const struct {
        const char *code, *words;
    } words[] = {{"", "yes"},
                 {"needs_role", "no, another role"},
                 {"own_order", "no, you had a part in it"},
                 {"decided", "no, you have decided"},
                 {"unknown_author", "no, it is not known who the author is"}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(words[i].code, not_by_you) == 0)
            return words[i].words;
    }
    return not_by_you;
}

void approval_add(struct table *table, const json_t *approval)
{
    const json_t *what = json_object_get(approval, "what");
    const char *kind = document_text(approval, "kind"), *not_by_you = document_text(approval, "not_by_you");
    struct buffer text = {0};
    text_put_name(&text, kind);
    table_add(table, TONE_STRONG, buffer_text(&text));
    buffer_clear(&text);
    put_subject(kind, what, &text);
    table_add(table, TONE_PLAIN, buffer_text(&text));
    buffer_clear(&text);
    buffer_format(&text, "%" PRId64 " of %" PRId64, document_number(what, "given"), document_number(what, "required"));
    table_add(table, TONE_PLAIN, buffer_text(&text));
    table_add_time(table, document_text(approval, "since"));
    table_add(table, TONE_PLAIN, document_text(what, "ordered_by"));
    table_add(table, *not_by_you == '\0' ? TONE_GOOD : TONE_PLAIN, words_for(not_by_you));
    table_add(table, TONE_PLAIN, document_text(what, "reason"));
    buffer_free(&text);
}

const struct table_column approval_columns[APPROVAL_COLUMNS] = {
    {"WAITS", false, 0, 0}, {"WHAT", false, 12, 0}, {"GIVEN", false, 0, 0},  {"SINCE", false, 0, 2},
    {"BY", false, 8, 0},    {"YOU", false, 0, 0},   {"REASON", false, 0, 1},
};

int run_approval_list(struct session *session)
{
    const struct listing listing = {"/v1/approvals",
                                    "approvals",
                                    approval_columns,
                                    APPROVAL_COLUMNS,
                                    approval_add,
                                    true,
                                    0,
                                    "nothing waits for an approval"};
    return session_list(session, &listing);
}
