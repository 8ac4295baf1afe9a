#include "orchestrator/broker/client_name.h"

#include "pki/certificate.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

static bool read_id(const char *path, char id[static TC_ID_SIZE])
{
    X509 *certificate = NULL;
    struct pki_certificate facts;
    struct tc_fault fault;
    bool is_read = pki_certificate_open(path, &certificate, &fault) == TC_OK &&
                   pki_certificate_describe(certificate, &facts, &fault) == TC_OK;
    pki_certificate_free(certificate);
    if (is_read)
        memcpy(id, facts.identity.id, TC_ID_SIZE);
    return is_read;
}

void client_name_make(const char *certificate_file, const char *digits, const char *otherwise,
                      char name[static CLIENT_NAME_SIZE])
{
    char id[TC_ID_SIZE], random[sizeof "0123456789abcdef"];
    uint64_t number;
    TC_CHECK(getrandom(&number, sizeof number, 0) == sizeof number);
    (void)snprintf(random, sizeof random, "%016" PRIx64, number);
    if (certificate_file != NULL && read_id(certificate_file, id))
        (void)snprintf(name, CLIENT_NAME_SIZE, "%s/%s", id, digits == NULL ? random : digits);
    else
        (void)snprintf(name, CLIENT_NAME_SIZE, "%s", otherwise);
}
