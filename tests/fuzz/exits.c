/* exits.c: turns the end of the program into a return. */
#include "exits.h"

_Noreturn void __real_exit(int code);
_Noreturn void __wrap_exit(int code);
const char *__asan_default_options(void);

jmp_buf exits_jump;
volatile bool exits_caught;

void __wrap_exit(int code)
{
    if (!exits_caught)
        __real_exit(code);
    exits_caught = false;
    longjmp(exits_jump, 1);
}

const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}
