/* machine.c: the machine that a measurement was made on. */
#include "machine.h"

#include "report.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

/* What Linux tells on x86; elsewhere it has no one line for the name. */
static void processor_name(char *out, size_t size)
{
    char line[512];
    FILE *file = fopen("/proc/cpuinfo", "r");
    out[0] = '\0';
    while (file && fgets(line, sizeof line, file)) {
        const char *value = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !value)
            continue;
        snprintf(out, size, "%s", value + strspn(value, ": \t"));
        out[strcspn(out, "\n")] = '\0';
        break;
    }
    if (file)
        fclose(file);
}

json_t *machine_json(void)
{
    char processor[256], kernel[256] = "";
    struct utsname name;
    processor_name(processor, sizeof processor);
    if (uname(&name) == 0)
        snprintf(kernel, sizeof kernel, "%s %s %s", name.sysname, name.release, name.machine);
    return json_pack("{so sI so}", "processor", json_text(processor), "processors",
                     (json_int_t)sysconf(_SC_NPROCESSORS_ONLN), "system", json_text(kernel));
}
