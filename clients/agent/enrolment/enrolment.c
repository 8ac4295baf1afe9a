#include "clients/agent/enrolment/enrolment.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/condition.h"
#include "base/file.h"
#include "base/log.h"
#include "base/thread.h"
#include "clients/agent/enrolment/est_call.h"
#include "clients/agent/enrolment/pair.h"
#include "clients/agent/enrolment/schedule.h"
#include "pki/certificate.h"
#include "pki/key.h"
#include "pki/request.h"

#include <errno.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { LOOK_PERIOD_MS = 2000, CODE_MAX = 256, DIGEST_SIZE = 32 };

static const int64_t day_ms = INT64_C(86400000);

/* The code of the file. A digest of zeros: no code. */
struct code {
    struct buffer text;
    unsigned char digest[DIGEST_SIZE];
};

struct enrolment {
    struct enrolment_config config;
    struct pair pair;
    atomic_bool stop;
    int replaced; /* eventfd */

    pthread_t thread;
    bool has_thread;
    pthread_mutex_t mutex;
    pthread_cond_t stopped;
    bool is_time_proven; /* with the mutex */
    int64_t proven_ms, proven_at_ms;

    /* Of the thread alone. Times by clock_boot_ms. */
    int64_t started_ms;
    struct pki_certificate certificate;
    bool has_certificate, is_taken;
    int64_t taken_ms;
    uint32_t spread;
    unsigned char spent[DIGEST_SIZE]; /* the code that was used or refused last */
    unsigned char tried[DIGEST_SIZE]; /* the code of the last try */
    enum enrolment_step step;         /* of the last try */
    unsigned failures;
    int64_t next_try_ms;
    const char *need; /* why a code is needed, as logged last; NULL: not needed */
    int64_t need_logged_ms;
    char code_fault[TC_FAULT_TEXT_SIZE];
};

/* ---- what is there ---- */

/* A certificate that was replaced gets a moment of its own for its renewal. */
static void read_certificate(struct enrolment *enrolment)
{
    X509 *read = NULL;
    struct pki_certificate facts;
    struct tc_fault fault;
    EVP_PKEY *key = NULL;
    bool is_read = pki_certificate_open(enrolment->pair.certificate, &read, &fault) == TC_OK &&
                   pki_key_open(enrolment->pair.key, &key, &fault) == TC_OK &&
                   pki_certificate_describe(read, &facts, &fault) == TC_OK;
    pki_key_free(key);
    pki_certificate_free(read);
    if (is_read && (!enrolment->has_certificate || strcmp(facts.serial, enrolment->certificate.serial) != 0)) {
        enrolment->certificate = facts;
        enrolment->spread = randombytes_uniform(ENROLMENT_SPREAD);
    }
    enrolment->has_certificate = is_read;
}

/* Logs once what is wrong with the file; that there is none is usual. */
static void note_code_fault(struct enrolment *enrolment, const struct tc_fault *fault)
{
    const char *text = fault->code == TC_NOT_FOUND ? "" : fault->text;
    if (strcmp(text, enrolment->code_fault) == 0)
        return;
    memcpy(enrolment->code_fault, text, strlen(text) + 1);
    if (text[0] != '\0')
        LOG_ERROR("enrolment.code_refused", F_STR("reason", text));
}

static void free_code(struct code *code)
{
    if (code->text.bytes != NULL)
        sodium_memzero(code->text.bytes, code->text.capacity);
    buffer_free(&code->text);
}

static void read_code(struct enrolment *enrolment, struct code *code)
{
    struct tc_fault fault = {.code = TC_NOT_FOUND};
    *code = (struct code){0};
    if (enrolment->config.code_file[0] == '\0')
        return;
    if (file_read_secret(enrolment->config.code_file, CODE_MAX, &code->text, &fault) == TC_OK) {
        fault.code = TC_NOT_FOUND;
        (void)crypto_generichash(code->digest, sizeof code->digest, (const unsigned char *)buffer_text(&code->text),
                                 code->text.length, NULL, 0);
    } else {
        free_code(code);
    }
    note_code_fault(enrolment, &fault);
}

static void read_time(struct enrolment *enrolment, struct enrolment_facts *facts)
{
    TC_CHECK(pthread_mutex_lock(&enrolment->mutex) == 0);
    facts->clock_ms = clock_boot_ms();
    facts->is_time_proven = enrolment->is_time_proven;
    facts->now_ms =
        facts->is_time_proven ? enrolment->proven_ms + facts->clock_ms - enrolment->proven_at_ms : clock_now_ms();
    TC_CHECK(pthread_mutex_unlock(&enrolment->mutex) == 0);
}

/* ---- one try ---- */

/* The certificate for our key and ID comes first in the file; those above it follow. */
static enum tc_error choose(const struct enrolment *enrolment, const struct pki_bundle *bundle, const EVP_PKEY *key,
                            struct buffer *pem, struct tc_fault *fault)
{
    char wanted[PKI_KEY_DIGEST_SIZE], found[PKI_KEY_DIGEST_SIZE];
    struct pki_certificate facts;
    struct tc_fault ignored;
    size_t own = bundle->count;
    pki_key_digest(key, wanted);
    for (size_t i = 0; i < bundle->count && own == bundle->count; i++) {
        pki_key_digest(pki_certificate_key(bundle->items[i]), found);
        if (strcmp(wanted, found) == 0)
            own = i;
    }
    if (own == bundle->count)
        return tc_fault_set(fault, TC_UNAVAILABLE, "the answer has no certificate for the key of the request");
    if (pki_certificate_describe(bundle->items[own], &facts, &ignored) != TC_OK || facts.identity.kind != PKI_DEVICE ||
        strcmp(facts.identity.id, enrolment->config.device) != 0)
        return tc_fault_set(fault, TC_UNAVAILABLE, "the answer's certificate is not that of device %s",
                            enrolment->config.device);
    pki_certificate_put(bundle->items[own], pem);
    for (size_t i = 0; i < bundle->count; i++) {
        if (i != own)
            pki_certificate_put(bundle->items[i], pem);
    }
    return TC_OK;
}

static enum tc_error ask(struct enrolment *enrolment, const char *code, EVP_PKEY *key, struct buffer *pem,
                         struct tc_fault *fault)
{
    struct pki_identity identity = {.kind = PKI_DEVICE};
    struct pki_bundle bundle = {0};
    struct buffer request = {0};
    const struct est_call call = {
        .url = enrolment->config.url,
        .ca_file = enrolment->config.ca_file,
        .device = enrolment->config.device,
        .code = code,
        .certificate_file = enrolment->pair.certificate,
        .key_file = enrolment->pair.key,
        .request = &request,
        .stop = &enrolment->stop,
    };
    TC_CHECK(strlen(call.device) < sizeof identity.id);
    memcpy(identity.id, call.device, strlen(call.device) + 1);
    enum tc_error error = pki_request_make_der(key, &identity, &request, fault);
    if (error == TC_OK)
        error = est_call_run(&call, &bundle, fault);
    if (error == TC_OK)
        error = choose(enrolment, &bundle, key, pem, fault);
    pki_bundle_free(&bundle);
    buffer_free(&request);
    return error;
}

static enum tc_error get_certificate(struct enrolment *enrolment, const char *code, struct tc_fault *fault)
{
    EVP_PKEY *key = NULL;
    struct buffer pem = {0};
    enum tc_error error = pair_next_key(&enrolment->pair, &key, fault);
    if (error == TC_OK) {
        error = ask(enrolment, code, key, &pem, fault);
        pki_key_free(key);
    }
    if (error == TC_OK)
        error = pair_replace(&enrolment->pair, &pem, fault);
    buffer_free(&pem);
    return error;
}

static void take(struct enrolment *enrolment, bool is_by_code)
{
    char expires[TC_TIME_TEXT_SIZE];
    const uint64_t one = 1;
    enrolment->is_taken = true;
    enrolment->taken_ms = clock_boot_ms();
    enrolment->failures = 0;
    enrolment->next_try_ms = 0;
    enrolment->need = NULL;
    read_certificate(enrolment);
    clock_format(enrolment->certificate.not_after_ms, expires);
    LOG_INFO("enrolment.enrolled", F_STR("by", is_by_code ? "code" : "certificate"),
             F_STR("serial", enrolment->certificate.serial), F_STR("expires", expires));
    TC_CHECK(write(enrolment->replaced, &one, sizeof one) == (ssize_t)sizeof one);
    if (is_by_code && unlink(enrolment->config.code_file) != 0)
        LOG_WARNING("enrolment.code_kept", F_STR("file", enrolment->config.code_file),
                    F_STR("reason", strerror(errno)));
}

static void try_once(struct enrolment *enrolment, enum enrolment_step step, const struct code *code)
{
    const struct enrolment_config *config = &enrolment->config;
    bool is_by_code = step == ENROLMENT_BY_CODE;
    struct tc_fault fault;
    enum tc_error error = get_certificate(enrolment, is_by_code ? buffer_text(&code->text) : NULL, &fault);
    if (is_by_code && (error == TC_OK || error == TC_DENIED))
        memcpy(enrolment->spent, code->digest, sizeof enrolment->spent);
    if (error == TC_OK) {
        take(enrolment, is_by_code);
    } else if (!atomic_load(&enrolment->stop)) {
        int64_t retry_ms = enrolment_retry_ms(config->retry_first_ms, config->retry_longest_ms, ++enrolment->failures,
                                              randombytes_random());
        enrolment->next_try_ms = clock_boot_ms() + retry_ms;
        LOG_WARNING(error == TC_DENIED ? "enrolment.refused" : "enrolment.failed",
                    F_STR("by", is_by_code ? "code" : "certificate"), F_STR("reason", fault.text),
                    F_STR("next", error != TC_DENIED ? "a further try"
                                  : is_by_code       ? "put another code into enrolment.code_file"
                                                     : "a further try, or a code in enrolment.code_file"));
    }
}

/* ---- the thread ---- */

static void log_need(struct enrolment *enrolment, const struct enrolment_facts *facts)
{
    const char *need = !facts->has_certificate ? "there is no certificate"
                       : facts->is_time_proven ? "the certificate has expired"
                                               : "the certificate has expired, by this machine's clock";
    if (enrolment->need == need && facts->clock_ms - enrolment->need_logged_ms < day_ms)
        return;
    enrolment->need = need;
    enrolment->need_logged_ms = facts->clock_ms;
    LOG_ERROR("enrolment.needs_code", F_STR("reason", need), F_STR("code_file", enrolment->config.code_file),
              F_STR("next", "run tellercast device enroll, and put its code into this file"));
}

/* Another way, or another code, is tried at once. */
static void note_try(struct enrolment *enrolment, enum enrolment_step step, const struct code *code)
{
    if (step == enrolment->step && memcmp(code->digest, enrolment->tried, sizeof enrolment->tried) == 0)
        return;
    enrolment->step = step;
    memcpy(enrolment->tried, code->digest, sizeof enrolment->tried);
    enrolment->failures = 0;
    enrolment->next_try_ms = 0;
}

static void look(struct enrolment *enrolment)
{
    struct code code;
    read_certificate(enrolment);
    read_code(enrolment, &code);
    struct enrolment_facts facts = {
        .has_code = code.text.length > 0 && memcmp(code.digest, enrolment->spent, sizeof code.digest) != 0,
        .has_certificate = enrolment->has_certificate,
        .begins_ms = enrolment->certificate.not_before_ms,
        .expires_ms = enrolment->certificate.not_after_ms,
        .spread = enrolment->spread,
        .started_ms = enrolment->started_ms,
        .is_taken = enrolment->is_taken,
        .taken_ms = enrolment->taken_ms,
    };
    read_time(enrolment, &facts);
    enum enrolment_step step = enrolment_decide(&facts);
    if (step == ENROLMENT_NEEDS_CODE)
        log_need(enrolment, &facts);
    if (step == ENROLMENT_BY_CODE || step == ENROLMENT_BY_CERTIFICATE) {
        note_try(enrolment, step, &code);
        if (facts.clock_ms >= enrolment->next_try_ms)
            try_once(enrolment, step, &code);
    }
    free_code(&code);
}

static void *run(void *context)
{
    struct enrolment *enrolment = context;
    enrolment->started_ms = clock_boot_ms();
    while (!atomic_load(&enrolment->stop)) {
        look(enrolment);
        int64_t deadline_ms = condition_deadline(LOOK_PERIOD_MS);
        TC_CHECK(pthread_mutex_lock(&enrolment->mutex) == 0);
        while (!atomic_load(&enrolment->stop) && condition_wait(&enrolment->stopped, &enrolment->mutex, deadline_ms))
            ;
        TC_CHECK(pthread_mutex_unlock(&enrolment->mutex) == 0);
    }
    return NULL;
}

enum tc_error enrolment_open(const struct enrolment_config *config, struct enrolment **enrolment,
                             struct tc_fault *fault)
{
    struct enrolment *opened = calloc(1, sizeof *opened);
    TC_CHECK(opened != NULL && pthread_mutex_init(&opened->mutex, NULL) == 0);
    condition_open(&opened->stopped);
    opened->config = *config;
    pair_open(&opened->pair, config->certificate_file, config->key_file);
    opened->replaced = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    enum tc_error error = TC_OK;
    if (opened->replaced < 0)
        error = tc_fault_set(fault, TC_UNAVAILABLE, "eventfd: %s", strerror(errno));
    if (error == TC_OK)
        error = pair_recover(&opened->pair, fault);
    if (error == TC_OK)
        error = thread_start(&opened->thread, "enrolment", run, opened, fault);
    opened->has_thread = error == TC_OK;
    if (error == TC_OK)
        *enrolment = opened;
    else
        enrolment_close(opened);
    return error;
}

void enrolment_close(struct enrolment *enrolment)
{
    if (enrolment == NULL)
        return;
    TC_CHECK(pthread_mutex_lock(&enrolment->mutex) == 0);
    atomic_store(&enrolment->stop, true);
    TC_CHECK(pthread_cond_signal(&enrolment->stopped) == 0);
    TC_CHECK(pthread_mutex_unlock(&enrolment->mutex) == 0);
    if (enrolment->has_thread)
        TC_CHECK(pthread_join(enrolment->thread, NULL) == 0);
    if (enrolment->replaced >= 0)
        (void)close(enrolment->replaced);
    (void)pthread_cond_destroy(&enrolment->stopped);
    (void)pthread_mutex_destroy(&enrolment->mutex);
    pair_close(&enrolment->pair);
    free(enrolment);
}

int enrolment_descriptor(const struct enrolment *enrolment)
{
    return enrolment->replaced;
}

bool enrolment_has_replaced(struct enrolment *enrolment)
{
    uint64_t count;
    return read(enrolment->replaced, &count, sizeof count) == (ssize_t)sizeof count;
}

void enrolment_set_time(struct enrolment *enrolment, bool is_proven, int64_t now_ms)
{
    TC_CHECK(pthread_mutex_lock(&enrolment->mutex) == 0);
    enrolment->is_time_proven = is_proven;
    enrolment->proven_ms = now_ms;
    enrolment->proven_at_ms = clock_boot_ms();
    TC_CHECK(pthread_mutex_unlock(&enrolment->mutex) == 0);
}
