/* train_without.c: `clact train` where libclact-nn is not built. */
#include "commands.h"
#include "common.h"

int command_train(int argc, char **argv)
{
    fail(CLI_FAILED, "this clact was built without libclact-nn, which train needs");
}
