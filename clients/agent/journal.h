/* What this device did with its instructions: the reason why none of them ever runs twice.
 *
 * An append-only file of lines, each a CRC-32 and a JSON object, each fsynced before the call returns.
 * A torn last line (the power failed while it was written) is cut when the file is opened; a damaged
 * line elsewhere is skipped and logged. The file is rewritten when it has grown large. One thread. */
#ifndef TELLERCAST_CLIENTS_AGENT_JOURNAL_H
#define TELLERCAST_CLIENTS_AGENT_JOURNAL_H

#include "base/fault.h"
#include "topics/message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOURNAL_ORDER_SIZE 33 /* lower-case hex of 16 bytes, and its NUL */

enum journal_stage {
    JOURNAL_RECEIVED, /* accepted; nothing has been done that another start may not do again */
    JOURNAL_INTENT,   /* its installer was about to start, or has started */
    JOURNAL_ENDED,    /* `state` is how */
};

/* The newest attempt of an instruction. */
struct journal_entry {
    int64_t instruction;
    int32_t attempt;
    int64_t epoch;
    char order[JOURNAL_ORDER_SIZE]; /* digest of what is ordered: the same ID with another digest is another order */
    int64_t expires_s;              /* `exp`: after it the entry may be forgotten */
    enum journal_stage stage;
    int32_t sequence; /* no status of this attempt had a higher one */

    /* Of an ended one. */
    enum report_state state;
    bool reported; /* its last status has been put in the outbox */
    int64_t at_ms; /* when it ended, by the device's clock */
    char code[STATUS_CODE_MAX + 1];
    char detail[STATUS_DETAIL_MAX + 1];
};

/* What outlives an instruction. */
struct journal_marks {
    int64_t epoch;       /* the highest epoch seen */
    int64_t issued_at_s; /* the latest `iat` seen */
};

struct journal;

/* Opens or makes the file, whose folder must be there. TC_UNAVAILABLE, TC_DENIED, TC_NO_SPACE. */
enum tc_error journal_open(const char *path, struct journal **journal, struct tc_fault *fault);
void journal_close(struct journal *journal);

/* Makes `entry` the newest of its instruction, durably. On a fault this run knows it, and the next will not. */
enum tc_error journal_write(struct journal *journal, const struct journal_entry *entry, struct tc_fault *fault);
enum tc_error journal_write_marks(struct journal *journal, const struct journal_marks *marks, struct tc_fault *fault);

/* The newest attempt of an instruction, or NULL. Valid until the next write. */
const struct journal_entry *journal_find(const struct journal *journal, int64_t instruction);
struct journal_marks journal_marks(const struct journal *journal);

/* All entries, in the order in which their instructions came; NULL at the end. A write keeps the order. */
const struct journal_entry *journal_at(const struct journal *journal, size_t index);

#endif
