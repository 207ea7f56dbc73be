/* hide.c: what the test layer hides of a device. */
#define CL_TARGET_OPENCL_VERSION 300
#include "hide.h"

#include <stddef.h>
#include <string.h>

static const struct {
    const char *word;
    unsigned bit;
} hide_words[] = {
    {"compiler", HIDE_COMPILER}, {"build", HIDE_BUILD}, {"fp64", HIDE_FP64},
    {"gpu", HIDE_GPU},           {"crds", HIDE_CRDS},   {"unified", HIDE_UNIFIED},
    {"place", HIDE_PLACE},       {"subnormals", HIDE_SUBNORMALS},
};

bool hide_parse(const char *list, unsigned *bits)
{
    *bits = 0;
    while (list && *list) {
        size_t length = strcspn(list, ",");
        unsigned bit = 0;
        for (size_t i = 0; i < sizeof(hide_words) / sizeof(*hide_words); i++)
            if (strlen(hide_words[i].word) == length && !memcmp(hide_words[i].word, list, length))
                bit = hide_words[i].bit;
        if (!bit)
            return false;
        *bits |= bit;
        list += length + (list[length] == ',');
    }
    return true;
}

bool hide_allows(unsigned bits, cl_device_type *type)
{
    const cl_device_type others = CL_DEVICE_TYPE_CPU | CL_DEVICE_TYPE_ACCELERATOR;
    if (!(bits & HIDE_GPU) || *type == CL_DEVICE_TYPE_ALL || *type & CL_DEVICE_TYPE_DEFAULT)
        return true;
    if (*type & CL_DEVICE_TYPE_GPU)
        *type = CL_DEVICE_TYPE_ALL;
    return !(*type & others) || *type == CL_DEVICE_TYPE_ALL;
}

/* The list keeps its length, which the program may have asked for before; blanks fill the end. */
static void remove_word(char *list, const char *word)
{
    size_t length = strlen(word), list_length = strlen(list);
    for (char *at = list; (at = strstr(at, word)); at += length) {
        bool starts = at == list || at[-1] == ' ', ends = at[length] == ' ' || at[length] == '\0';
        if (starts && ends) {
            size_t rest = strlen(at + length);
            memmove(at, at + length, rest);
            memset(list + list_length - length, ' ', length);
            return;
        }
    }
}

void hide_in_device(unsigned bits, cl_device_info what, void *value)
{
    cl_device_fp_config fp;
    switch (what) {
    case CL_DEVICE_COMPILER_AVAILABLE:
        if (bits & HIDE_COMPILER)
            memcpy(value, &(cl_bool){CL_FALSE}, sizeof(cl_bool));
        break;
    case CL_DEVICE_HOST_UNIFIED_MEMORY:
        if (bits & HIDE_UNIFIED)
            memcpy(value, &(cl_bool){CL_FALSE}, sizeof(cl_bool));
        break;
    case CL_DEVICE_TYPE:
        if (bits & HIDE_GPU)
            memcpy(value, &(cl_device_type){CL_DEVICE_TYPE_GPU}, sizeof(cl_device_type));
        break;
    case CL_DEVICE_SINGLE_FP_CONFIG:
        memcpy(&fp, value, sizeof(fp));
        if (bits & HIDE_CRDS)
            fp &= ~(cl_device_fp_config)CL_FP_CORRECTLY_ROUNDED_DIVIDE_SQRT;
        if (bits & HIDE_SUBNORMALS)
            fp &= ~(cl_device_fp_config)CL_FP_DENORM;
        memcpy(value, &fp, sizeof(fp));
        break;
    case CL_DEVICE_DOUBLE_FP_CONFIG:
        if (bits & HIDE_FP64)
            memset(value, 0, sizeof(fp));
        break;
    case CL_DEVICE_PREFERRED_VECTOR_WIDTH_DOUBLE:
    case CL_DEVICE_NATIVE_VECTOR_WIDTH_DOUBLE:
        if (bits & HIDE_FP64)
            memset(value, 0, sizeof(cl_uint));
        break;
    case CL_DEVICE_EXTENSIONS:
        if (bits & HIDE_FP64)
            remove_word(value, "cl_khr_fp64");
        break;
    default:
        break;
    }
}
