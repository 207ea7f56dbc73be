/* exits.h: calls of the command's functions, which end the program where they refuse something; here they return. The
 * memory that they then leave is not theirs to free: leaks are not looked for. */
#ifndef CLACT_TESTS_FUZZ_EXITS_H
#define CLACT_TESTS_FUZZ_EXITS_H

#include <setjmp.h>
#include <stdbool.h>

/* Where exit() jumps to while exits_caught is set. The target is linked with --wrap=exit. */
extern jmp_buf exits_jump;
extern volatile bool exits_caught;

/* Runs statement; evaluates to whether it ran to its end. */
#define RETURNED(statement)                                                                         \
    (setjmp(exits_jump) == 0 ? (exits_caught = true, (statement), exits_caught = false, true) : false)

#endif
