/* Masks what must not leave a device in a text: card numbers, and what a pattern of the device's settings matches.
 *
 * A card number is a row of 13 to 19 digits that passes the check of Luhn, with up to three spaces or dashes between
 * two digits. It can be anywhere in a block of more than 13 digits without anything between. Each digit becomes '*'. A
 * row of digits that is no card number can be masked, too: one of ten passes by chance, and a long block has many. */
#ifndef TELLERCAST_CLIENTS_AGENT_ACTION_MASK_H
#define TELLERCAST_CLIENTS_AGENT_ACTION_MASK_H

#include "base/fault.h"

#include <stdbool.h>
#include <stddef.h>

struct mask;

/* `pattern`: a POSIX extended regular expression; "": card numbers alone. TC_INVALID, with the reason. The mask can be
 * used by any thread. */
enum tc_error mask_open(const char *pattern, struct mask **mask, struct tc_fault *fault);
void mask_close(struct mask *mask);

/* Masks in place; the length stays. The pattern looks at each line by itself (a NUL ends one, too), and each byte that
 * it matches becomes '*', with the rest of its UTF-8 character. `mask` NULL: card numbers alone. */
void mask_apply(const struct mask *mask, char *text, size_t length);

/* Masks digits at the end that may begin a card number, since the text was cut there. */
void mask_cut_end(char *text, size_t length);

#endif
