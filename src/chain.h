/* chain.h: several launches of one call, each waiting for the one before; the last one sets the call's event. */
#ifndef CLACT_CHAIN_H
#define CLACT_CHAIN_H

#include "backend.h"

struct clact_chain {
    clact_context *context;
    clact_enqueue whole;
    int left; /* launches to come */
    struct _cl_event *last, *next;
};

/* What the next launch waits for and sets; clact_chain_linked() follows it, also where it failed. */
CLACT_PRIVATE clact_enqueue clact_chain_link(struct clact_chain *chain);
CLACT_PRIVATE void clact_chain_linked(struct clact_chain *chain);
/* Gives up what an unfinished chain holds. */
CLACT_PRIVATE void clact_chain_release(struct clact_chain *chain);

#endif
