/* test_dlpack_cpp.cc: the tests of clact/dlpack.h as C++. */
#include "test_dlpack.c"
