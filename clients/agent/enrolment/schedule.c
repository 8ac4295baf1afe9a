#include "clients/agent/enrolment/schedule.h"

static const int64_t begins_early_ms = INT64_C(300000);
static const int64_t proof_max_ms = INT64_C(90000000); /* a device asks at least once a day, as delivered */

enum { PROOF_PARTS = 10, RENEW_PARTS = 3 };

static int64_t counted_validity_ms(int64_t begins_ms, int64_t expires_ms)
{
    int64_t validity_ms = expires_ms - begins_ms;
    return validity_ms > begins_early_ms ? validity_ms - begins_early_ms : validity_ms;
}

int64_t enrolment_renew_at_ms(int64_t begins_ms, int64_t expires_ms, uint32_t spread)
{
    int64_t rest_ms = counted_validity_ms(begins_ms, expires_ms) / RENEW_PARTS;
    return expires_ms - rest_ms + rest_ms / 2 * (int64_t)spread / ENROLMENT_SPREAD;
}

static bool may_be_proven_yet(const struct enrolment_facts *facts)
{
    int64_t wait_ms = counted_validity_ms(facts->begins_ms, facts->expires_ms) / PROOF_PARTS;
    if (wait_ms > proof_max_ms)
        wait_ms = proof_max_ms;
    return facts->clock_ms - facts->started_ms < wait_ms;
}

static bool is_kept(const struct enrolment_facts *facts)
{
    int64_t validity_ms = counted_validity_ms(facts->begins_ms, facts->expires_ms);
    return facts->is_taken && facts->clock_ms - facts->taken_ms < validity_ms / 2;
}

enum enrolment_step enrolment_decide(const struct enrolment_facts *facts)
{
    if (facts->has_code)
        return ENROLMENT_BY_CODE;
    if (!facts->has_certificate)
        return ENROLMENT_NEEDS_CODE;
    if (is_kept(facts))
        return ENROLMENT_WAIT;
    bool is_early = facts->now_ms < facts->begins_ms, is_expired = facts->now_ms >= facts->expires_ms;
    if (!facts->is_time_proven && (is_early || is_expired) && !may_be_proven_yet(facts))
        return ENROLMENT_BY_CERTIFICATE;
    if (is_expired)
        return ENROLMENT_NEEDS_CODE;
    int64_t renew_at_ms = enrolment_renew_at_ms(facts->begins_ms, facts->expires_ms, facts->spread);
    return facts->now_ms < renew_at_ms ? ENROLMENT_WAIT : ENROLMENT_BY_CERTIFICATE;
}

int64_t enrolment_retry_ms(int64_t first_ms, int64_t longest_ms, unsigned failures, uint32_t random)
{
    int64_t wait_ms = first_ms;
    for (unsigned i = 1; i < failures && wait_ms < longest_ms; i++)
        wait_ms *= 2;
    if (wait_ms > longest_ms)
        wait_ms = longest_ms;
    return wait_ms / 2 + (int64_t)random % (wait_ms / 2 + 1);
}
