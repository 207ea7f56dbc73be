/* operations.h: every public operation as a row of a table, for the tests that make what is below the library fail. */
#ifndef CLACT_TESTS_OPERATIONS_H
#define CLACT_TESTS_OPERATIONS_H

#include <clact/clact.h>
#include <clact/opencl.h>

#include <stdbool.h>

enum place { ON_HOST, IN_BUFFERS, ENQUEUED, PLACE_COUNT };
#define AT(place) (1u << (place))
#define ANYWHERE (AT(ON_HOST) | AT(IN_BUFFERS) | AT(ENQUEUED))

/* What a call does with an array: INOUT begins with values as IN does, STATE with zeros, OUT with what is to be seen. */
enum use { UNUSED, IN, OUT, INOUT, STATE };

#define MOST_ARRAYS 8
struct array {
    enum use use;
    clact_type type;
    int64_t rows, columns; /* rows 0: of one dimension */
};

struct trial;

struct operation {
    const char *name;
    unsigned places;
    bool steps;  /* an output may be left with what one step of several made */
    struct array arrays[MOST_ARRAYS];
    /* One call on the arrays; q is NULL unless it is to be enqueued. */
    clact_status (*call)(clact_context *context, const clact_operand *o, const clact_enqueue *q);
    /* In its place, with places 0: anything. It calls trial_arm() and trial_disarm() itself. */
    clact_status (*whole)(struct trial *trial);
};

extern const struct operation array_operations[], whole_operations[], nn_operations[], nn_whole_operations[];

/* One try of an operation. Faults are on from arm to disarm, both of which may be NULL. */
struct trial {
    const struct operation *operation;
    enum place place;
    clact_context *context;
    const clact_options *options; /* that the context was opened with, for an operation that opens others */
    const char *folder;           /* for files; "" where there is none */
    void (*arm)(void);
    void (*disarm)(void);
    bool wait_fails;              /* what an enqueued call waits for is to fail */
    const char *wrong;            /* a broken promise; NULL */
    unsigned touched;             /* outputs that were written in a call that failed */
};

static inline void trial_arm(const struct trial *t)
{
    if (t->arm)
        t->arm();
}

static inline void trial_disarm(const struct trial *t)
{
    if (t->disarm)
        t->disarm();
}

/* Notes a promise that does not hold. */
static inline void trial_expect(struct trial *t, bool holds, const char *promise)
{
    if (!holds && !t->wrong)
        t->wrong = promise;
}

/* Every table, one behind the other: the ith row, or NULL. */
const struct operation *operation_at(int i);
/* Whether its name begins as one of these does; where there are none every name does. */
bool operation_is_named(const struct operation *operation, int count, char **beginnings);
/* Computes what an operation gives, on the CPU backend without faults. False where that fails. */
bool operation_expect(const struct operation *operation, clact_context *cpu);
/* Runs it. A call that succeeds has the results expected, bit for bit, and inputs stay as they are. In one that fails
 * each output is as it was or has its result, but for steps. An enqueued call whose event fails is CLACT_E_OPENCL. */
clact_status operation_try(struct trial *trial);

#endif
