/* layer.h: what a test calls in the OpenCL test layer (layer.c), through dlopen() and dlsym(). */
#ifndef CLACT_TESTS_LAYER_H
#define CLACT_TESTS_LAYER_H

#include <stdio.h>

/* dlopen() of the path named in OPENCL_LAYERS gives the instance that the loader uses. A pointer is typed by
 * `__typeof__(clact_layer_live) *live`. Every function may be called from any thread, and before the first
 * OpenCL call. */

#pragma GCC visibility push(default)

/* "NAME:N:CODE" or "*:N:CODE", as in CLFAULT; NULL or "": no fault. Starts counting calls at 0 again.
 * 0, or -1 when the text is malformed or NAME is not an entry point: then nothing changes. */
int clact_layer_control(const char *clfault, int sticky);

/* A comma list, as in CLHIDE; NULL or "": nothing hidden. 0, or -1 on an unknown word: then nothing changes. */
int clact_layer_hide(const char *list);

/* As CLFAULT_DRAIN. */
void clact_layer_drain(int on);

/* The nth kernel that is enqueued from now on (1: the next) is not run: it is enqueued, and then terminated with the code,
 * which is negative. 0: none is. */
void clact_layer_terminate(unsigned nth, int code);

/* How many were; and how many kernels were enqueued, those among them. */
unsigned long clact_layer_terminated(void);
unsigned long clact_layer_kernels(void);

/* As CLCANARY, of buffers created from now on. */
void clact_layer_canaries(int on);

/* How many buffers had a damaged canary since the last call (canary.h). */
unsigned long clact_layer_damaged(void);

/* Fallible calls since the last clact_layer_control, refused ones included. */
unsigned long clact_layer_calls(void);

/* References to OpenCL objects that the program holds: creates + retains - releases that succeeded. */
long clact_layer_live(void);

/* The entry point last refused since the last clact_layer_control, or NULL. */
const char *clact_layer_last(void);

/* One line: the live references by kind. */
void clact_layer_report(FILE *file);

#pragma GCC visibility pop

#endif
