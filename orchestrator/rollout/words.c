#include "orchestrator/rollout/words.h"

#define INSTRUCTION_CODE(constant, name) const char constant[] = name;
#define EVENT_KIND(constant, name) const char constant[] = name;
#define ROLLOUT_ENDPOINT(constant, name) const char constant[] = name;
#define EVENT_ACTOR(constant, name) const char constant[] = name;
#define REVIEW_STATE(constant, name) const char constant[] = name;
#define FREEZE_STATE(constant, name) const char constant[] = name;
#define AMENDMENT_STATE(constant, name) const char constant[] = name;
#define DEVICE_STATE(constant, name) const char constant[] = name;
#define LOGGED_KIND(constant, name) const char constant[] = name;
#define EVENT_READERS(constant, name) const char constant[] = name;
#include "orchestrator/rollout/vocabulary.def"
