/* probe.cl: the columns of probe.h, computed by the device. */
#include "dialect.h"
#include "elementary.h"
#include "activations.h"
#include "storage.h"
#include "probe.h"
#include "group.cl"

kernel void probe(global u32 *out)
{
    FOR_EACH(i, PROBE_ITEMS)
    {
        for (u32 column = 0; column < PROBE_COLUMNS; column++)
            out[column * PROBE_ITEMS + i] = probe_value(column, (u32)i);
    }
}
