#include "topics/revocation.h"

bool revocation_covers(int64_t revoked_s, int64_t not_before_s)
{
    return revoked_s > 0 && not_before_s <= revoked_s;
}

int64_t revocation_next_s(int64_t revoked_s)
{
    return revoked_s + 1;
}
