/* Texts of the store's refusals. */
#ifndef TELLERCAST_ORCHESTRATOR_WORDING_REFUSAL_WORDS_H
#define TELLERCAST_ORCHESTRATOR_WORDING_REFUSAL_WORDS_H

#include "base/fault.h"
#include "orchestrator/store/refusal.h"

/* Replaces the fault's text by that of the refusal; the code stays. REFUSAL_NONE: changes nothing. */
void refusal_put_words(const struct refusal *refusal, struct tc_fault *fault);

#endif
