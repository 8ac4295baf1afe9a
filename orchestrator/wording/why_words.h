/* Sentences of rollout/why.h. */
#ifndef TELLERCAST_ORCHESTRATOR_WORDING_WHY_WORDS_H
#define TELLERCAST_ORCHESTRATOR_WORDING_WHY_WORDS_H

#include "base/buffer.h"
#include "orchestrator/rollout/why.h"

/* Appends the sentence of a reason of `item`, without a full stop. A device that the reader may not see is "another
 * machine". */
void why_put_words(const struct why_instruction *item, const struct why_reason *reason, struct buffer *text);

#endif
