/* main.c: the `clact` command: finds the command that is asked for and runs it. */
#include "commands.h"
#include "common.h"
#include "suggest.h"

#include <stdio.h>
#include <string.h>

typedef struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
} command;

static const command commands[] = {
    {"devices", command_devices, "list the devices, and say which one is picked"},
    {"list", command_list, "list every activation"},
    {"apply", command_apply, "compute an activation, or its gradient, of a .npy file"},
    {"plot", command_plot, "draw activations, their derivatives or their errors"},
    {"bench", command_bench, "measure speed, as a share of a copy on the same device"},
    {"check", command_check, "measure accuracy, special values and bits on a device"},
    {"train", command_train, "train a network of dense layers, and see how its gradients flow"},
    {"kernels", command_kernels, "print the kernels, for compilers that run ahead of the program"},
    {"pack", command_pack, "compile activations ahead, for devices without a compiler"},
    {"cache", command_cache, "show, clear or verify the programs kept on the disk"},
};
enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

static const command *find_command(const char *name)
{
    for (int i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static _Noreturn void refuse_command(const char *word)
{
    suggestion best = {word, NULL, 0};
    for (int i = 0; i < COMMAND_COUNT; i++)
        suggest(&best, commands[i].name);
    suggest_each(&best, "help --help --version", " ");
    usage_error("there is no %s '%s'%s", word[0] == '-' ? "option" : "command", word, suggested(&best));
}

static int print_help(void)
{
    puts("Usage: clact COMMAND [OPTION...]\n"
         "Neural-network activation functions on OpenCL devices and CPUs.\n");
    for (int i = 0; i < COMMAND_COUNT; i++)
        printf("  %-9s %s\n", commands[i].name, commands[i].summary);
    puts("\n"
         "clact help COMMAND, or clact COMMAND --help, tells more; clact --version the version.\n"
         "Exit codes: 0 done, 1 a check failed, 2 run-time failure, 3 no such device, 64 usage.\n"
         "Examples:\n"
         "  clact devices\n"
         "  clact apply leaky_relu --negative-slope=0.1 x.npy -o y.npy\n"
         "  clact check relu tanh");
    return CLI_DONE;
}

static int print_help_of(int argc, char **argv)
{
    if (argc == 2)
        return print_help();
    if (argc > 3)
        usage_error("help takes the name of one command");
    const command *c = find_command(argv[2]);
    if (!c)
        refuse_command(argv[2]);
    char *arguments[] = {argv[2], "--help", NULL};
    return c->run(2, arguments);
}

static int print_version(void)
{
    const clact_version_info *version = clact_version();
    printf("clact %s (numerics %u)\n", version->text, version->numerics);
    return CLI_DONE;
}

static bool is_one_of(const char *word, const char *a, const char *b)
{
    return strcmp(word, a) == 0 || strcmp(word, b) == 0;
}

static int run(int argc, char **argv)
{
    if (argc < 2)
        usage_error("a command is missing");
    if (strcmp(argv[1], "help") == 0)
        return print_help_of(argc, argv);
    bool is_help = is_one_of(argv[1], "--help", "-?");
    bool is_version = is_one_of(argv[1], "--version", "-V");
    if ((is_help || is_version) && argc > 2)
        usage_error("'%s' is not expected after %s", argv[2], argv[1]);
    if (is_help)
        return print_help();
    if (is_version)
        return print_version();
    const command *c = find_command(argv[1]);
    if (!c)
        refuse_command(argv[1]);
    return c->run(argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
    return finish_stdout(run(argc, argv));
}
