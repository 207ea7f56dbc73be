/* peers_openblas.c: OpenBLAS, whose copy of a vector is the identity. */
#include "peers.h"

#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void version(char *out, size_t size)
{
    const char *text = openblas_get_config(), *number = text + strcspn(text, "0123456789");
    snprintf(out, size, "%.*s", (int)strcspn(number, " "), number);
}

static void *prepare(const peer_job *job)
{
    peer_job *kept = strcmp(job->name, "identity") == 0 && !job->gradient ? malloc(sizeof *kept) : NULL;
    openblas_set_num_threads((int)job->threads);
    if (kept)
        *kept = *job;
    return kept;
}

static void run(void *prepared)
{
    const peer_job *job = prepared;
    cblas_scopy((blasint)peer_elements(job), job->x, 1, job->out, 1);
}

const peer peer_openblas = {"OpenBLAS", version, prepare, run, free};
