/* health.c: counts of what activations, weights and gradients should not be, by unit and over several batches. */
#include "operands.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(clact_nn_counts) == ARRAY_TALLIES * sizeof(uint64_t), "a unit's counts are its counters");

size_t clact_nn_health_bytes(uint64_t units)
{
    return units > SIZE_MAX / sizeof(clact_nn_counts) / 2 ? 0 : (size_t)units * sizeof(clact_nn_counts);
}

/* Checks a record, which is bytes of whole units. */
static clact_status check_record(struct clact_nn_call *c, const clact_operand *operand, struct clact_nn_array *record)
{
    REQUIRE(operand, CLACT_E_ARGUMENT, "record must not be NULL");
    TRY(clact_nn_any(c, operand, "record", record));
    REQUIRE(operand->tensor.type == CLACT_U8 && operand->tensor.rank == 1, CLACT_E_ARGUMENT,
            "record must be of type u8 and have one dimension");
    const uint64_t place = (uintptr_t)operand->data + (uint64_t)operand->tensor.offset;
    REQUIRE(place % sizeof(uint64_t) == 0, CLACT_E_ARGUMENT, "record is not aligned to 8 bytes");
    REQUIRE(record->count % sizeof(clact_nn_counts) == 0, CLACT_E_ARGUMENT,
            "record has %llu bytes, and a unit takes %zu", (unsigned long long)record->count, sizeof(clact_nn_counts));
    return CLACT_OK;
}

/* Checks what is looked at; how many units it has. */
static clact_status check_values(struct clact_nn_call *c, const clact_nn_health_args *args, struct clact_nn_array *x,
                                 uint64_t *units)
{
    REQUIRE(args->x, CLACT_E_ARGUMENT, "x must not be NULL");
    TRY(clact_nn_any(c, args->x, "x", x));
    REQUIRE(x->tensor->type < CLACT_TYPE_COUNT, CLACT_E_UNSUPPORTED,
            "x is of type %s, and must be f32, f64, f16 or bf16", clact_type_name((clact_type)x->tensor->type));
    REQUIRE(!args->by_unit || x->tensor->rank > 0, CLACT_E_ARGUMENT, "x has no dimension of units");
    *units = args->by_unit ? (uint64_t)x->tensor->dims[x->tensor->rank - 1] : 1;
    return CLACT_OK;
}

clact_status clact_nn_health(clact_context *context, const clact_nn_health_args *args, const clact_enqueue *enqueue)
{
    struct clact_nn_call c;
    struct clact_nn_array x, record;
    uint64_t units = 0;
    TRY(clact_nn_begin(&c, context, args, args ? args->reserved : NULL, enqueue));
    REQUIRE(args->by_unit <= 1 && args->add <= 1 && args->saturation <= 1 && args->reserved0 == 0, CLACT_E_ARGUMENT,
            "by_unit, add and saturation must be 0 or 1, reserved words 0");
    REQUIRE(!args->saturation || args->low < args->high, CLACT_E_RANGE,
            "low must be below high, and they are %g and %g", args->low, args->high);
    TRY(check_values(&c, args, &x, &units));
    TRY(check_record(&c, args->record, &record));
    REQUIRE(record.count == clact_nn_health_bytes(units), CLACT_E_ARGUMENT,
            "record has room for %llu units, and x has %llu",
            (unsigned long long)(record.count / sizeof(clact_nn_counts)), (unsigned long long)units);
    TRY(clact_nn_arrays_apart(&c, &record, &x, false));
    struct clact_array_step s = {
        .operation = ARRAY_health, .segments = units, .rows = x.count / units, .columns = 1,
        .inputs = {clact_nn_rows(&x, units)}, .outputs = {record.view}, .add = args->add,
        .parameters = {args->saturation ? args->low : NAN, args->saturation ? args->high : NAN}, /* NaN: nothing is */
    };
    s.inputs[0].strides[ARRAY_SEGMENT] = 1;
    if (units == 1) { /* one row, which need not be divided */
        s.columns = s.rows;
        s.rows = 1;
    }
    return clact_arrays_run(&c.call, &s, 1);
}

/* ---- Reading -------------------------------------------------------------------------------- */

static void sum_up(clact_nn_health_summary *out, const clact_nn_counts *counts, uint64_t units)
{
    memset(out, 0, sizeof *out);
    out->units = units;
    for (uint64_t i = 0; i < units; i++) {
        out->total.seen += counts[i].seen;
        out->total.zeros += counts[i].zeros;
        out->total.nans += counts[i].nans;
        out->total.infinities += counts[i].infinities;
        out->total.saturated += counts[i].saturated;
        out->dead += counts[i].seen != 0 && counts[i].zeros == counts[i].seen;
    }
}

clact_status clact_nn_health_read(clact_nn_health_summary *out, clact_nn_counts *units,
                                  clact_context *context, const clact_operand *record)
{
    static const uint64_t none[8];
    struct clact_nn_call c;
    struct clact_nn_array r;
    REQUIRE(out, CLACT_E_ARGUMENT, "the summary has no place to go");
    TRY(clact_nn_begin(&c, context, out, none, NULL));
    TRY(check_record(&c, record, &r));
    REQUIRE(!r.view.mem, CLACT_E_ARGUMENT, "record is a cl_mem: clact_buffer_import() makes a buffer of it");
    clact_nn_counts *counts = malloc(r.count);
    REQUIRE(counts, CLACT_E_MEMORY, "out of memory");
    clact_status status = CLACT_OK;
    if (r.view.data)
        memcpy(counts, (const char *)r.view.data + r.view.offset, r.count);
    else
        status = clact_buffer_read(r.view.buffer, (size_t)r.view.offset, r.count, counts);
    if (status == CLACT_OK) {
        sum_up(out, counts, r.count / sizeof *counts);
        if (units)
            memcpy(units, counts, r.count);
    }
    free(counts);
    return status;
}
