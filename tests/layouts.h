/* layouts.h: operands of one shape that lie in several ways, for suites of activations with an axis. */
#ifndef CLACT_TESTS_LAYOUTS_H
#define CLACT_TESTS_LAYOUTS_H

#include "suites.h"

/* With gaps, with the first axis fastest, from the end. */
enum layout { DENSE, SPREAD, TRANSPOSED, REVERSED, LAYOUT_COUNT };

typedef struct shape {
    uint32_t rank;
    int64_t dims[5];
    int axis;
} shape;

#define SHAPE_COUNT 13
extern const shape shapes[SHAPE_COUNT];

uint32_t axis_of(const shape *s);
/* A tensor of the shape, its axis times as long. */
array make_layout(clact_type type, const shape *s, int64_t times, enum layout layout);
/* The index, where the axis is times as long, of the element that lies turns axes behind element i of the shape. */
int64_t index_behind(const shape *s, int64_t i, int64_t times, int64_t turns);
array copy_of(const array *a);

/* Fills all of the memory: every exponent, zeros, infinities and NaN; with few, many equal values. Where the device
 * flushes subnormals, nothing near one. */
void fill_all(array *a, uint64_t seed, bool few);

bool device_flushes(void);
/* The same bits; on a device that flushes subnormals signs of zero and what is near zero are left out. */
bool same_value(double a, double b);
/* Compares all of the memory: what lies between the elements is untouched. */
void compare_all(const char *name, const shape *s, const char *what, const array *got, const array *expected);

#endif
