/* The record of this device's attempts, so that no instruction ever runs twice.
 *
 * An append-only file of lines, each a CRC-32 and a JSON object, each fsynced before the call returns.
 * A last line without its end is torn (the power failed while it was written) and cut when the file is
 * opened: nothing had been done upon it yet. The file is rewritten when it has grown large. One thread.
 *
 * A whole line that is not a record is damage: the device may have carried out an attempt that it no longer knows. The
 * rest is read, and all that may be lost is in doubt (`forgotten_before_s`) until journal_settle:
 * docs/decisions/0024-a-damaged-journal-runs-nothing-again.md. */
#ifndef TELLERCAST_CLIENTS_AGENT_ACTION_JOURNAL_H
#define TELLERCAST_CLIENTS_AGENT_ACTION_JOURNAL_H

#include "base/fault.h"
#include "topics/fields.h"
#include "topics/message.h"
#include "topics/token.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOURNAL_CONTENT_SIZE 33 /* lower-case hex of 16 bytes, and its NUL */

enum journal_stage {
    JOURNAL_RECEIVED, /* accepted; everything done so far may be repeated */
    JOURNAL_INTENT,   /* its installer was about to start, or has started */
    JOURNAL_ENDED,    /* `state` says how */
};

/* The newest attempt of an instruction. */
struct journal_entry {
    int64_t instruction;
    int32_t attempt;
    int64_t epoch;
    char content[JOURNAL_CONTENT_SIZE]; /* digest of the content: an order with another digest is another order, even
                                           with the same ID */
    int64_t expires_s;                  /* `exp`: after it the entry may be forgotten */
    enum journal_stage stage;
    int32_t sequence; /* no report of this attempt had a higher one */

    /* For the check of the installed version. "": no artifact, or written by an older agent. */
    enum action action;
    char artifact[TC_ID_SIZE];
    char version[TC_ID_SIZE];

    /* Of an ended entry. */
    enum report_state state;
    bool reported; /* its last report has been put in the outbox */
    int64_t at_ms; /* when it ended, by the device's clock */
    char code[REPORT_CODE_MAX + 1];
    char detail[REPORT_DETAIL_MAX + 1];
};

#define JOURNAL_ALL_FORGOTTEN FIELDS_INTEGER_MAX

/* State that outlives instructions. */
struct journal_high_water_marks {
    int64_t recalled;    /* the last `recall` that was answered; 0: none */
    int64_t epoch;       /* the highest epoch seen */
    int64_t issued_at_s; /* the latest `iat` seen; those that a proven answer has shown to be too late do not count */
    /* Attempts that were issued before this time and are not in the journal may have run, because records were lost. 0:
     * no record was lost. JOURNAL_ALL_FORGOTTEN: records were lost, and it is not known yet from which time of issue on
     * instructions are new; entries in JOURNAL_RECEIVED may have begun, too. */
    int64_t forgotten_before_s;
    bool is_time_proven; /* a token had a nonce: answers without a proof no longer set the time */
};

struct journal;

/* Opens or makes the file, in an existing folder. A damaged file is rewritten without the damage, and its high-water
 * marks then say JOURNAL_ALL_FORGOTTEN. TC_UNAVAILABLE, TC_DENIED, TC_NO_SPACE. */
enum tc_error journal_open(const char *path, struct journal **journal, struct tc_fault *fault);
void journal_close(struct journal *journal);

/* Makes `entry` the newest attempt of its instruction, durably. On a fault only this run knows it. */
enum tc_error journal_write(struct journal *journal, const struct journal_entry *entry, struct tc_fault *fault);
enum tc_error journal_write_high_water_marks(struct journal *journal,
                                             const struct journal_high_water_marks *high_water_marks,
                                             struct tc_fault *fault);

/* Ends the doubt of a journal with JOURNAL_ALL_FORGOTTEN: instructions issued at `issued_at_s` or later are new. Also
 * writes all entries that this run knows, in one step, so that none is lost and later taken for new. On a fault the
 * doubt stays. */
enum tc_error journal_settle(struct journal *journal, int64_t issued_at_s, struct tc_fault *fault);

/* The newest attempt of an instruction, or NULL. Valid until the next write. */
const struct journal_entry *journal_find(const struct journal *journal, int64_t instruction);
struct journal_high_water_marks journal_high_water_marks(const struct journal *journal);

/* All entries, in the order in which their instructions arrived; NULL at the end. A write keeps the order. */
const struct journal_entry *journal_at(const struct journal *journal, size_t index);

#endif
