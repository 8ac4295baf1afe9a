#include "orchestrator/intake/enrolment.h"

#include "base/clock.h"
#include "orchestrator/intake/attempt_limit.h"
#include "pki/bundle.h"
#include "pki/crl.h"
#include "pki/issuer.h"
#include "pki/key.h"
#include "pki/request.h"
#include "topics/revocation.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A certificate is valid a little before it was issued, for brokers whose clocks are behind. */
enum { BACKDATE_MS = 5 * 60 * 1000, MS_PER_SECOND = 1000 };
static const int64_t crl_validity_ms = INT64_C(7) * 24 * 3600 * 1000;

/* Failures: of one address for one device, and of one address. A whole branch may have one address. */
enum { PAIR_AT_ONCE = 5, PAIR_INTERVAL_MS = 60000, ADDRESS_AT_ONCE = 60, ADDRESS_INTERVAL_MS = 1000 };

struct enrolment {
    struct pki_issuer issuer;
    struct pki_bundle authorities; /* of the issuer's file */
    struct pki_bundle renewed;     /* of these: the issuer and the authorities of devices before it; not owned */
    int64_t validity_ms;
    struct attempt_limit *pairs, *addresses;
};

static enum tc_error check_kind(const struct pki_issuer *issuer, struct tc_fault *fault)
{
    enum pki_authority_kind kind;
    enum tc_error error = pki_issuer_kind(issuer, &kind, fault);
    if (error == TC_OK && kind != PKI_DEVICES)
        error = tc_fault_set(fault, TC_INVALID, "expected the authority of devices, found another authority");
    return error;
}

/* In a rollover devices have certificates of the authority before. The root above both issues none to devices. */
static void find_renewed(struct enrolment *enrolment)
{
    for (size_t i = 0; i < enrolment->authorities.count; i++) {
        X509 *certificate = enrolment->authorities.items[i];
        if (check_kind(&(const struct pki_issuer){.certificate = certificate}, NULL) == TC_OK)
            enrolment->renewed.items[enrolment->renewed.count++] = certificate;
    }
}

enum tc_error enrolment_open(const struct enrolment_config *config, struct enrolment **enrolment,
                             struct tc_fault *fault)
{
    struct enrolment *made = calloc(1, sizeof *made);
    TC_CHECK(made != NULL);
    made->validity_ms = config->validity_ms;
    made->pairs = attempt_limit_open(PAIR_AT_ONCE, PAIR_INTERVAL_MS);
    made->addresses = attempt_limit_open(ADDRESS_AT_ONCE, ADDRESS_INTERVAL_MS);
    enum tc_error error =
        pki_issuer_open(config->issuer_certificate_file, config->issuer_key_file, &made->issuer, fault);
    if (error == TC_OK)
        error = check_kind(&made->issuer, fault);
    if (error == TC_OK)
        error = pki_bundle_open(config->issuer_certificate_file, &made->authorities, fault);
    if (error != TC_OK) {
        enrolment_close(made);
        return error;
    }
    find_renewed(made);
    *enrolment = made;
    return TC_OK;
}

void enrolment_close(struct enrolment *enrolment)
{
    if (enrolment == NULL)
        return;
    pki_issuer_close(&enrolment->issuer);
    pki_bundle_free(&enrolment->authorities);
    attempt_limit_close(enrolment->pairs);
    attempt_limit_close(enrolment->addresses);
    free(enrolment);
}

void enrolment_put_renewed(const struct enrolment *enrolment, struct buffer *pem)
{
    for (size_t i = 0; i < enrolment->renewed.count; i++)
        pki_certificate_put(enrolment->renewed.items[i], pem);
}

void enrolment_put_authorities(const struct enrolment *enrolment, struct buffer *der)
{
    pki_bundle_put((const X509 *const *)enrolment->authorities.items, enrolment->authorities.count, der);
}

/* ---- codes and attempts ---- */

void enrolment_make_code(char code[static ENROLMENT_CODE_SIZE])
{
    enum { GROUP = 6, BITS_MASK = 31 };
    static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"; /* without those that look alike */
    unsigned char random[ENROLMENT_CODE_SIZE - 1];
    randombytes_buf(random, sizeof random);
    for (size_t i = 0; i < sizeof random; i++)
        code[i] = i % GROUP == GROUP - 1 ? '-' : digits[random[i] & BITS_MASK];
    code[sizeof random] = '\0';
    sodium_memzero(random, sizeof random);
}

void enrolment_hash_code(const char *code, char hash[static ENROLMENT_HASH_SIZE])
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    (void)crypto_hash_sha256(digest, (const unsigned char *)code, strlen(code));
    (void)sodium_bin2hex(hash, ENROLMENT_HASH_SIZE, digest, sizeof digest);
}

/* The subject of a pair; an ID has no space. */
static void name_pair(const char *device, const char *address, char pair[static 2 * TC_ID_SIZE])
{
    (void)snprintf(pair, (size_t)2 * TC_ID_SIZE, "%s %s", device, address);
}

int64_t enrolment_wait_ms(const struct enrolment *enrolment, const char *device, const char *address)
{
    char pair[2 * TC_ID_SIZE];
    name_pair(device, address, pair);
    int64_t now_ms = clock_monotonic_ms();
    int64_t pair_ms = attempt_limit_wait_ms(enrolment->pairs, pair, now_ms);
    int64_t address_ms = attempt_limit_wait_ms(enrolment->addresses, address, now_ms);
    return pair_ms > address_ms ? pair_ms : address_ms;
}

void enrolment_count_failure(const struct enrolment *enrolment, const char *device, const char *address)
{
    char pair[2 * TC_ID_SIZE];
    name_pair(device, address, pair);
    int64_t now_ms = clock_monotonic_ms();
    attempt_limit_count(enrolment->pairs, pair, now_ms);
    attempt_limit_count(enrolment->addresses, address, now_ms);
}

/* ---- certificates ---- */

static enum tc_error check_identity(const struct pki_identity *asked, const char *device, struct tc_fault *fault)
{
    const struct pki_identity own = {.kind = PKI_DEVICE};
    if (asked->kind == own.kind && strcmp(asked->id, device) == 0)
        return TC_OK;
    return tc_fault_set(fault, TC_DENIED, "the request is for %s %s; allowed: device %s", pki_kind_name(asked->kind),
                        asked->id, device);
}

static enum tc_error record(struct store *store, const struct enrolment_request *request, const EVP_PKEY *key,
                            const X509 *certificate, struct enrolment_issued *issued, struct tc_fault *fault)
{
    char key_hash[PKI_KEY_DIGEST_SIZE];
    struct pki_certificate facts;
    enum tc_error error = pki_certificate_describe(certificate, &facts, fault);
    if (error != TC_OK)
        return error;
    pki_key_digest(key, key_hash);
    memcpy(issued->serial, facts.serial, sizeof facts.serial);
    issued->not_after_ms = facts.not_after_ms;
    const struct enrolment_claim claim = {.device = request->device,
                                          .code_hash = request->code_hash,
                                          .key_hash = key_hash,
                                          .serial = request->serial,
                                          .not_before_ms = request->not_before_ms};
    return enrolment_record(store, &claim, facts.serial, facts.not_after_ms, &issued->standing, fault);
}

/* A certificate begins after the device's last revocation, which would cover it otherwise. */
static int64_t begin_ms(const struct enrolment_request *request, int64_t now_ms)
{
    int64_t backdated_ms = now_ms - BACKDATE_MS;
    int64_t uncovered_ms = revocation_next_s(request->revoked_s) * MS_PER_SECOND;
    return backdated_ms > uncovered_ms ? backdated_ms : uncovered_ms;
}

/* Waits until a certificate is valid that begins within the next second. */
static void wait_for_begin(int64_t begins_ms, int64_t now_ms)
{
    if (begins_ms > now_ms && begins_ms <= now_ms + MS_PER_SECOND)
        clock_sleep_ms(begins_ms - now_ms);
}

static enum tc_error issue(const struct enrolment *enrolment, struct store *store,
                           const struct enrolment_request *request, const struct pki_request *asked, int64_t now_ms,
                           struct enrolment_issued *issued, struct buffer *der, struct tc_fault *fault)
{
    X509 *certificate = NULL;
    int64_t begins_ms = begin_ms(request, now_ms);
    const struct pki_order order = {
        .identity = asked->identity, .key = asked->key, .validity = {begins_ms, now_ms + enrolment->validity_ms}};
    enum tc_error error = pki_issue(&enrolment->issuer, &order, &certificate, fault);
    if (error == TC_INVALID)
        error = fault->code = TC_INTERNAL; /* the authority's fault: it has expired, for example */
    if (error == TC_OK)
        error = record(store, request, asked->key, certificate, issued, fault);
    if (error == TC_OK && issued->standing == ENROLMENT_GOOD) {
        pki_bundle_put(&(const X509 *){certificate}, 1, der);
        wait_for_begin(begins_ms, now_ms);
    }
    pki_certificate_free(certificate);
    return error;
}

enum tc_error enrolment_issue(const struct enrolment *enrolment, struct store *store,
                              const struct enrolment_request *request, int64_t now_ms, struct enrolment_issued *issued,
                              struct buffer *der, struct tc_fault *fault)
{
    struct pki_request asked;
    *issued = (struct enrolment_issued){0};
    enum tc_error error = pki_request_read(request->bytes, request->length, &asked, fault);
    if (error != TC_OK)
        return error;
    error = check_identity(&asked.identity, request->device, fault);
    if (error == TC_OK)
        error = issue(enrolment, store, request, &asked, now_ms, issued, der, fault);
    pki_request_free(&asked);
    return error;
}

enum tc_error enrolment_check_peer(const struct enrolment *enrolment, const void *der, size_t length, int64_t now_ms,
                                   struct device_peer *peer, struct tc_fault *fault)
{
    return device_peer_check(&enrolment->renewed, der, length, now_ms, peer, fault);
}

enum tc_error enrolment_make_crl(const struct enrolment *enrolment, const struct enrolment_revoked *revoked,
                                 size_t count, int64_t now_ms, struct buffer *pem, struct tc_fault *fault)
{
    struct pki_revocation *revocations = calloc(count + 1, sizeof *revocations);
    TC_CHECK(revocations != NULL);
    for (size_t i = 0; i < count; i++) {
        memcpy(revocations[i].serial, revoked[i].serial, sizeof revocations[i].serial);
        revocations[i].revoked_at_ms = revoked[i].revoked_at_ms;
        revocations[i].reason = PKI_REASON_UNSPECIFIED;
    }
    /* The time is the number: it only grows, and each orchestrator makes lists. */
    enum tc_error error = pki_crl_make(&enrolment->issuer,
                                       &(struct pki_crl_order){.revocations = revocations,
                                                               .count = count,
                                                               .number = (uint64_t)now_ms,
                                                               .this_update_ms = now_ms - BACKDATE_MS,
                                                               .next_update_ms = now_ms + crl_validity_ms},
                                       pem, fault);
    free(revocations);
    return error;
}
