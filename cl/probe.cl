/* probe.cl: the columns of probe.h, computed by the device. */
#include "dialect.h"
#include "elementary.h"
#include "activations.h"
#include "storage.h"
#include "probe.h"

kernel void probe(global u32 *out)
{
    const u32 i = (u32)get_global_id(0);
    for (u32 column = 0; column < PROBE_COLUMNS; column++)
        out[column * PROBE_ITEMS + i] = probe_value(column, i);
}
