/* If a text is read as a topic, writing that topic gives the same text. */
#include "topics/topic.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    const char *name = (const char *)bytes;
    struct topic topic;
    char user[TC_ID_SIZE];
    if (topic_parse_response(TOPIC_ROOT_DEFAULT, name, length, user))
        TC_CHECK(id_is_valid(user, strlen(user)));
    if (topic_parse(TOPIC_ROOT_DEFAULT, name, length, &topic) != TC_OK)
        return 0;
    char again[TOPIC_SIZE];
    topic_format(TOPIC_ROOT_DEFAULT, &topic, again);
    TC_CHECK(strlen(again) == length && memcmp(again, name, length) == 0);
    return 0;
}
