/* Texts such as region=emea, as people write labels and versions, as a JSON object. */
#ifndef TELLERCAST_CONFIG_PAIRS_TEXT_H
#define TELLERCAST_CONFIG_PAIRS_TEXT_H

#include "base/buffer.h"
#include "base/fault.h"

#include <stddef.h>

/* Appends {"region":"emea"} of `count` texts. TC_INVALID: a text is not name=value, or two have the same name; `what`
 * says in the fault what they are. */
enum tc_error pairs_text_parse(const char *what, const char *const *texts, size_t count, struct buffer *json,
                               struct tc_fault *fault);

#endif
