#include "orchestrator/intake/device_issuers.h"

#include "pki/peer.h"
#include "pki/trusted.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum tc_error device_peer_check(const struct pki_bundle *issuers, const void *der, size_t length, int64_t now_ms,
                                struct device_peer *peer, struct tc_fault *fault)
{
    struct pki_certificate facts;
    enum tc_error error = pki_peer_check(der, length, issuers, now_ms, &facts, fault);
    if (error == TC_OK && facts.identity.kind != PKI_DEVICE)
        error = tc_fault_set(fault, TC_DENIED, "the certificate is not a device's");
    if (error != TC_OK)
        return error;
    memcpy(peer->device, facts.identity.id, sizeof peer->device);
    memcpy(peer->serial, facts.serial, sizeof peer->serial);
    peer->not_before_ms = facts.not_before_ms;
    return TC_OK;
}

struct device_issuers {
    pthread_rwlock_t lock;
    struct pki_bundle bundle;
};

struct device_issuers *device_issuers_open(void)
{
    struct device_issuers *issuers = calloc(1, sizeof *issuers);
    TC_CHECK(issuers != NULL && pthread_rwlock_init(&issuers->lock, NULL) == 0);
    return issuers;
}

void device_issuers_close(struct device_issuers *issuers)
{
    if (issuers == NULL)
        return;
    (void)pthread_rwlock_destroy(&issuers->lock);
    pki_bundle_free(&issuers->bundle);
    free(issuers);
}

enum tc_error device_issuers_read(struct device_issuers *issuers, const char *path, struct tc_fault *fault)
{
    struct pki_bundle fresh;
    enum tc_error error = pki_trusted_open(path, &fresh, fault);
    if (error == TC_OK) {
        (void)pthread_rwlock_wrlock(&issuers->lock);
        struct pki_bundle old = issuers->bundle;
        issuers->bundle = fresh;
        (void)pthread_rwlock_unlock(&issuers->lock);
        fresh = old;
    }
    pki_bundle_free(&fresh);
    return error;
}

enum tc_error device_issuers_check_change(const struct buffer *present, const struct buffer *fresh,
                                          struct tc_fault *fault)
{
    struct pki_bundle before = {0}, after;
    enum tc_error error = pki_trusted_parse(buffer_text(fresh), fresh->length, &after, fault);
    if (error == TC_OK && present != NULL)
        error = pki_trusted_parse(buffer_text(present), present->length, &before, fault);
    if (error == TC_OK && present != NULL)
        error = pki_trusted_check_change(&before, &after, fault);
    pki_bundle_free(&before);
    pki_bundle_free(&after);
    return error;
}

void device_issuers_put(struct device_issuers *issuers, struct buffer *pem)
{
    (void)pthread_rwlock_rdlock(&issuers->lock);
    for (size_t i = 0; i < issuers->bundle.count; i++)
        pki_certificate_put(issuers->bundle.items[i], pem);
    (void)pthread_rwlock_unlock(&issuers->lock);
}

enum tc_error device_issuers_check(struct device_issuers *issuers, const void *der, size_t length, int64_t now_ms,
                                   struct device_peer *peer, struct tc_fault *fault)
{
    (void)pthread_rwlock_rdlock(&issuers->lock);
    enum tc_error error = device_peer_check(&issuers->bundle, der, length, now_ms, peer, fault);
    (void)pthread_rwlock_unlock(&issuers->lock);
    return error;
}
