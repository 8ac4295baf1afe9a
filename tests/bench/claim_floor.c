/* The floor for `bench claim`: one statement for each batch, which takes due instructions and checks nothing else.
 *
 *   claim-floor DATABASE STATEMENT.sql ROLLOUT COUNT BATCH prints JSON */
#include "base/file.h"
#include "tests/bench/report_stream.h"

#include <postgresql/libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

enum { EXIT_USAGE = 2, STATEMENT_BYTES_MAX = 65536 };

/* Returns the number of instructions in the batch; 0 also when the statement failed. */
static long claim_batch(PGconn *connection, const char *statement, const char *const *values)
{
    PGresult *result = PQexecParams(connection, statement, 2, NULL, values, NULL, NULL, 0);
    long count = PQresultStatus(result) == PGRES_TUPLES_OK ? PQntuples(result) : 0;
    PQclear(result);
    return count;
}

static int claim(PGconn *connection, const char *statement, char **words)
{
    const char *values[] = {words[3], words[5]};
    long count = strtol(words[4], NULL, 10), claimed = 0, batch = 0;
    double began = seconds_now();
    do {
        batch = claim_batch(connection, statement, values);
        claimed += batch;
    } while (batch > 0 && claimed < count);
    double seconds = seconds_now() - began;
    if (claimed < count) {
        (void)fprintf(stderr, "claim-floor: only %ld could be claimed: %s", claimed, PQerrorMessage(connection));
        return EXIT_FAILURE;
    }
    (void)printf("{\"claimed\":%ld,\"seconds\":%.4f,\"per_second\":%.1f}\n", claimed, seconds,
                 (double)claimed / seconds);
    return EXIT_SUCCESS;
}

int main(int count, char **words)
{
    if (count != 6) {
        (void)fputs("claim-floor DATABASE STATEMENT.sql ROLLOUT COUNT BATCH\n", stderr);
        return EXIT_USAGE;
    }
    struct buffer statement = {0};
    struct tc_fault fault = {0};
    if (file_read(words[2], STATEMENT_BYTES_MAX, &statement, &fault) != TC_OK) {
        (void)fprintf(stderr, "claim-floor: %s\n", fault.text);
        return EXIT_FAILURE;
    }
    PGconn *connection = PQconnectdb(words[1]);
    int code = claim(connection, buffer_text(&statement), words);
    PQfinish(connection);
    buffer_free(&statement);
    return code;
}
