/* Sentences of rollout/forecast_ends.h. */
#ifndef TELLERCAST_ORCHESTRATOR_WORDING_FORECAST_WORDS_H
#define TELLERCAST_ORCHESTRATOR_WORDING_FORECAST_WORDS_H

/* Returns what the assumption of this name says, without a full stop; the name itself when a newer version wrote it. */
const char *forecast_assumption_words(const char *name);

#endif
