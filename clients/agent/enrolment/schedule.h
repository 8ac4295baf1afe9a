/* When a device enrols and when it renews its certificate: decisions, pure. */
#ifndef TELLERCAST_CLIENTS_AGENT_ENROLMENT_SCHEDULE_H
#define TELLERCAST_CLIENTS_AGENT_ENROLMENT_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

/* `spread` of a certificate is below this. */
#define ENROLMENT_SPREAD 1000

enum enrolment_step {
    ENROLMENT_WAIT,
    ENROLMENT_BY_CODE,        /* get a certificate with the code */
    ENROLMENT_BY_CERTIFICATE, /* renew */
    ENROLMENT_NEEDS_CODE,     /* nothing can be done before there is a code */
};

struct enrolment_facts {
    bool has_code; /* one that was neither used nor refused */
    bool has_certificate;
    int64_t begins_ms, expires_ms; /* of the certificate */
    uint32_t spread;               /* random, drawn once for a certificate */
    bool is_time_proven;           /* now_ms is by signed answers; else by the machine's clock, which may be wrong */
    int64_t now_ms;
    /* By a clock that only goes forward. */
    int64_t clock_ms, started_ms;
    bool is_taken; /* this program got the certificate, at taken_ms */
    int64_t taken_ms;
};

/* Two thirds of the validity, and up to half of the rest, by the spread. The five minutes by which an issuer begins a
 * certificate early do not count. */
int64_t enrolment_renew_at_ms(int64_t begins_ms, int64_t expires_ms, uint32_t spread);

/* A code is used at once. A certificate is renewed from its time on, and when it is expired a code is needed. A clock
 * that is not proven and lies outside the validity may be wrong: then answers get some time to prove it (a tenth of
 * the validity, at most 25 hours), after which the server decides. A certificate that this program got is kept for half
 * of its validity, whatever the clock says. */
enum enrolment_step enrolment_decide(const struct enrolment_facts *facts);

/* The delay after `failures` failures in a row (at least one): doubles each time, half of it random. `random` is any
 * number. */
int64_t enrolment_retry_ms(int64_t first_ms, int64_t longest_ms, unsigned failures, uint32_t random);

#endif
