#include "clients/agent/inbox_item.h"

#include <stdlib.h>

void inbox_item_free(struct inbox_item *item)
{
    if (item->kind == INBOX_MESSAGE)
        free(item->message.payload);
}
