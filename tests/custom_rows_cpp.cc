// custom_rows_cpp.cc: the activations of custom_rows.h as C++ compiles them, in a file that means other things by some
// of the dialect's names.
#include <utility>
using namespace std;
#include "custom_rows.c"
static_assert(sizeof(pair<int, int>) == 2 * sizeof(int), "pair is still std::pair");
