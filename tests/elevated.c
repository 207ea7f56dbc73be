/* elevated.c: opens a context as the environment says, and says whether the program runs with more rights than its user
 * (environments.sh makes a copy that does). Linked statically: such a program finds no libraries in a build folder. */
#include <clact/clact.h>

#include <stdio.h>
#include <sys/auxv.h>

int main(void)
{
    clact_context *context;
    clact_caps caps;
    printf("%s\n", getauxval(AT_SECURE) ? "elevated" : "as the user");
    if (clact_open(&context, NULL) != CLACT_OK || clact_context_caps(context, &caps) != CLACT_OK) {
        printf("%s\n", clact_error());
        return 1;
    }
    printf("instruction set %s\n", caps.cpu);
    clact_close(&context);
    return 0;
}
