/* machine.h: the machine that a measurement was made on. */
#ifndef CLI_MACHINE_H
#define CLI_MACHINE_H

#include <jansson.h>

/* {"processor", "processors", "system"}: the processor's name, how many are online, and the kernel; "" for what is not
 * told. */
json_t *machine_json(void);

#endif
