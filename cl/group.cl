/* group.cl: the two forms of a kernel: groups of work-items, or one work-item alone.
 *
 * As a rule a kernel runs over an NDRange, in groups of LOCAL work-items. With CLACT_TASK it is one work-item with
 * plain loops, which asks for no number of its own, shares no memory and waits for nothing: of such kernels the
 * compilers for FPGAs make pipelines. LOCAL is 1 then. The order of sums is the same, and so are the bits. */
#ifdef CLACT_TASK
#define ITEM 0u
#define FOR_EACH(i, n) for (ulong i = 0; i < (n); i++)
#define FOR_GROUP(group, count) for (ulong group = 0; group < (count); group++)
#define SYNCHRONISE
#else
#define ITEM ((uint)get_local_id(0))
/* Of n elements the one that is the work-item's. */
#define FOR_EACH(i, n)                                                                              \
    const ulong i = get_global_id(0);                                                               \
    if (i < (n))
/* Of count rows or sums the one that is the group's. */
#define FOR_GROUP(group, count) const ulong group = get_group_id(0);
#define SYNCHRONISE barrier(CLK_LOCAL_MEM_FENCE);
#endif

/* The terms j of a block, from first up to end, each added to the sum of its lane in order; width lanes will fold.
 * START declares the sum of a lane that has no term yet, TAKE that which the lane holds; TERM adds j to it, KEEP leaves
 * it in the lane. A task goes through memory in order, and is back at a lane after all others: its additions overlap. */
#ifdef CLACT_TASK
#define FOR_TERMS(first, end, width, START, TAKE, TERM, KEEP)                                       \
    for (uint lane = 0; lane < width; lane++) { START KEEP }                                        \
    for (ulong j = first; j < end; j++) {                                                           \
        const uint lane = (uint)(j % REDUCTION_LANES);                                              \
        TAKE                                                                                        \
        TERM                                                                                        \
        KEEP                                                                                        \
    }
#else
#define FOR_TERMS(first, end, width, START, TAKE, TERM, KEEP)                                       \
    for (uint lane = ITEM; lane < width; lane += LOCAL) {                                           \
        START                                                                                       \
        for (ulong j = first + lane; j < end; j += REDUCTION_LANES) { TERM }                        \
        KEEP                                                                                        \
    }
#endif
