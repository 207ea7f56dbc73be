/* layer.h: what a test calls in the OpenCL test layer (layer.c), through dlopen() and dlsym(). */
#ifndef CLACT_TESTS_LAYER_H
#define CLACT_TESTS_LAYER_H

#include <stdio.h>

/* dlopen() of the path named in OPENCL_LAYERS gives the instance that the loader uses. A pointer is typed by
 * `__typeof__(clact_layer_live) *live`. Every function may be called from any thread, and before the first
 * OpenCL call. */

/* "NAME:N:CODE" or "*:N:CODE", as in CLFAULT; NULL or "": no fault. Starts counting calls at 0 again.
 * 0, or -1 when the text is malformed or NAME is not an entry point: then nothing changes. */
int clact_layer_control(const char *clfault, int sticky);

/* A comma list, as in CLHIDE; NULL or "": nothing hidden. 0, or -1 on an unknown word: then nothing changes. */
int clact_layer_hide(const char *list);

/* As CLFAULT_DRAIN. */
void clact_layer_drain(int on);

/* Fallible calls since the last clact_layer_control, refused ones included. */
unsigned long clact_layer_calls(void);

/* References to OpenCL objects that the program holds: creates + retains - releases that succeeded. */
long clact_layer_live(void);

/* The entry point last refused since the last clact_layer_control, or NULL. */
const char *clact_layer_last(void);

/* One line: the live references by kind. */
void clact_layer_report(FILE *file);

#endif
