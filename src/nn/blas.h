/* blas.h: the libraries that compute fast products, opened at run time. */
#ifndef CLACT_NN_BLAS_H
#define CLACT_NN_BLAS_H

#include "../internal.h"

/* Those of CBLAS and of CLBlast's C interface: row-major, plain and transposed. */
enum { BLAS_ROW_MAJOR = 101, BLAS_PLAIN = 111, BLAS_TRANSPOSED = 112 };

/* OpenBLAS, in its build with sizes of 32 bits. */
struct clact_nn_blas {
    void (*sgemm)(int layout, int transpose_a, int transpose_b, int m, int n, int k, float alpha, const float *a,
                  int a_row, const float *b, int b_row, float beta, float *c, int c_row);
    void (*dgemm)(int layout, int transpose_a, int transpose_b, int m, int n, int k, double alpha, const double *a,
                  int a_row, const double *b, int b_row, double beta, double *c, int c_row);
    bool loaded;
    char reason[256];
};

/* CLBlast. Its calls have no wait list; event may be NULL. */
struct clact_nn_clblast {
    int (*sgemm)(int layout, int transpose_a, int transpose_b, size_t m, size_t n, size_t k, float alpha,
                 struct _cl_mem *a, size_t a_first, size_t a_row, struct _cl_mem *b, size_t b_first, size_t b_row,
                 float beta, struct _cl_mem *c, size_t c_first, size_t c_row, struct _cl_command_queue **queue,
                 struct _cl_event **event);
    int (*dgemm)(int layout, int transpose_a, int transpose_b, size_t m, size_t n, size_t k, double alpha,
                 struct _cl_mem *a, size_t a_first, size_t a_row, struct _cl_mem *b, size_t b_first, size_t b_row,
                 double beta, struct _cl_mem *c, size_t c_first, size_t c_row, struct _cl_command_queue **queue,
                 struct _cl_event **event);
    int (*hgemm)(int layout, int transpose_a, int transpose_b, size_t m, size_t n, size_t k, uint16_t alpha,
                 struct _cl_mem *a, size_t a_first, size_t a_row, struct _cl_mem *b, size_t b_first, size_t b_row,
                 uint16_t beta, struct _cl_mem *c, size_t c_first, size_t c_row, struct _cl_command_queue **queue,
                 struct _cl_event **event);
    int (*clear_cache)(void);
    bool loaded;
    char reason[256];
};

/* Opened by the first call; loaded is false where there is none, and reason says why, or which it is. */
const struct clact_nn_blas *clact_nn_blas(void);
const struct clact_nn_clblast *clact_nn_clblast(void);

/* Around every call of CLBlast: before 1.6.1 its caches were not safe from threads. */
void clact_nn_clblast_lock(void);
void clact_nn_clblast_unlock(void);

#endif
