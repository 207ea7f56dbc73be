/* mixed.h: calls of every kind from several threads at once, compared with serial ones. */
#ifndef CLACT_TESTS_MIXED_H
#define CLACT_TESTS_MIXED_H

#include <clact/clact.h>

enum { MIXED_KINDS = 9 }; /* of calls: so many calls have all of them */

/* Runs threads that make so many calls each, thread i on contexts[i % count], and fails the test where a call fails
 * or its result differs from that of a serial call on the CPU backend. */
void run_mixed_calls(clact_context *const *contexts, unsigned count, unsigned threads, int calls);
/* The same with calls of any element-wise row in any type among them; the seed chooses. */
void run_random_calls(clact_context *const *contexts, unsigned count, unsigned threads, int calls, uint64_t seed);

#endif
