/* The journal's lines: "xxxxxxxx {json}\n", where xxxxxxxx is the CRC-32 of the JSON text. Any thread. */
#ifndef TELLERCAST_CLIENTS_AGENT_ACTION_JOURNAL_RECORD_H
#define TELLERCAST_CLIENTS_AGENT_ACTION_JOURNAL_RECORD_H

#include "base/buffer.h"
#include "clients/agent/action/journal.h"

struct journal_record {
    bool is_high_water_marks; /* else it is an entry */
    struct journal_entry entry;
    struct journal_high_water_marks high_water_marks;
};

void journal_record_put_entry(struct buffer *out, const struct journal_entry *entry);
void journal_record_put_high_water_marks(struct buffer *out, const struct journal_high_water_marks *high_water_marks);

/* Reads a line without its line end. TC_INVALID when it is damaged. */
enum tc_error journal_record_read(const char *line, size_t length, struct journal_record *record,
                                  struct tc_fault *fault);

#endif
