/* The codes of instructions, the kinds and actors of rollout events, an endpoint of rollouts, the states of reviews,
 * freezes, amendments and devices, and the kinds and readers of logged events. Each is written once, in vocabulary.def,
 * for C and for SQL. */
#ifndef TELLERCAST_ORCHESTRATOR_ROLLOUT_WORDS_H
#define TELLERCAST_ORCHESTRATOR_ROLLOUT_WORDS_H

/* CODE_NOT_ASKED is "not_asked"; KIND_GROUP_OPENED is "group_opened"; COLLECT_ENDPOINT is "collect"; ACTOR_TELLERCAST
 * is "tellercast". */
/* NOLINTBEGIN(bugprone-macro-parentheses): what is defined is a name */
#define INSTRUCTION_CODE(constant, name) extern const char constant[];
#define EVENT_KIND(constant, name) extern const char constant[];
#define ROLLOUT_ENDPOINT(constant, name) extern const char constant[];
#define EVENT_ACTOR(constant, name) extern const char constant[];
#define REVIEW_STATE(constant, name) extern const char constant[];
#define FREEZE_STATE(constant, name) extern const char constant[];
#define AMENDMENT_STATE(constant, name) extern const char constant[];
#define DEVICE_STATE(constant, name) extern const char constant[];
#define LOGGED_KIND(constant, name) extern const char constant[];
#define EVENT_READERS(constant, name) extern const char constant[];
#include "orchestrator/rollout/vocabulary.def"
/* NOLINTEND(bugprone-macro-parentheses) */

#endif
