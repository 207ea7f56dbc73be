/* chain.c: several launches of one call, each waiting for the one before. */
#include "chain.h"

clact_enqueue clact_chain_link(struct clact_chain *c)
{
    clact_enqueue q = c->whole;
    if (c->last) {
        q.waits = &c->last;
        q.num_waits = 1;
    }
    c->next = NULL;
    if (c->left > 1)
        q.event = &c->next;
    return q;
}

void clact_chain_linked(struct clact_chain *c)
{
    clact_chain_release(c);
    c->last = c->next;
    c->next = NULL;
    c->left--;
}

void clact_chain_release(struct clact_chain *c)
{
    if (c->last)
        c->context->device->event_release(c->context, c->last);
    c->last = NULL;
}
