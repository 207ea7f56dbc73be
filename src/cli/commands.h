/* commands.h: the commands of the `clact` program. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

/* argv[0] is the command's name. Each returns the exit code of the program (see common.h), or
 * ends the program itself where it cannot go on. */
int command_apply(int argc, char **argv);
int command_bench(int argc, char **argv);
int command_cache(int argc, char **argv);
int command_check(int argc, char **argv);
int command_devices(int argc, char **argv);
int command_kernels(int argc, char **argv);
int command_list(int argc, char **argv);
int command_pack(int argc, char **argv);
int command_plot(int argc, char **argv);
int command_train(int argc, char **argv);

#endif
