/* The table of devices that the guard has from the orchestrators: which branch and role a device has, whether it is
 * retired, and which certificates are revoked. Pure; one thread. */
#ifndef TELLERCAST_GUARD_DIRECTORY_H
#define TELLERCAST_GUARD_DIRECTORY_H

#include "base/buffer.h"
#include "base/fault.h"
#include "topics/message.h"

#include <stdbool.h>
#include <stddef.h>

struct directory;

struct directory *directory_open(void);
void directory_close(struct directory *directory);

/* Takes one message. A whole table is in force with its last message; until then the former one is. A message that was
 * taken before is TC_OK again. TC_CONFLICT: it does not follow the last one, and the sender must send the whole table.
 * `*is_changed`: the table in force is another one now. */
enum tc_error directory_take(struct directory *directory, const struct directory_message *message, bool *is_changed,
                             struct tc_fault *fault);

/* NULL: it is not in the table. Valid until the next directory_take. */
const struct directory_entry *directory_find(const struct directory *directory, const char *id);
bool directory_is_revoked(const struct directory *directory, const char *serial);

struct directory_facts {
    const char *generation; /* of the last message; "": none */
    int64_t sequence;
    size_t devices, retired, revoked; /* of the table in force */
};
struct directory_facts directory_facts(const struct directory *directory);

/* Appends the table in force as the messages of a whole table, one a line. */
void directory_write(const struct directory *directory, struct buffer *out);
/* Takes what directory_write wrote. TC_INVALID: nothing was taken. */
enum tc_error directory_read(struct directory *directory, const char *text, size_t length, struct tc_fault *fault);

#endif
