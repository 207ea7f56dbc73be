/* dlpack.h: tensors of other libraries, as DLPack describes them, as operands of clact.
 *
 *     const char *why;
 *     clact_operand x;
 *     if (clact_operand_from_dlpack(&x, &managed->dl_tensor, &why) != CLACT_OK)
 *         ...                                                       why is a sentence
 *
 * All of it is inline, and nothing is copied: the operand is a view of the tensor's memory, which stays its owner's and
 * must live, with the rest of the tensor, until the calls that use it are done. <dlpack/dlpack.h> is yours, of version 0.6
 * or later; it may be included before under another name. */
#ifndef CLACT_DLPACK_H
#define CLACT_DLPACK_H

#include <clact/opencl.h>

#ifndef DLPACK_DLPACK_H_
#include <dlpack/dlpack.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The clact_type of DLPack's; -1 for what clact has not. Booleans, of newer versions, are masks. */
static inline int clact_type_from_dlpack(DLDataType type)
{
    enum { IS_BFLOAT = 4, IS_BOOL = 6 };
    switch (type.lanes == 1 ? type.code * 256 + type.bits : -1) {
    case kDLFloat * 256 + 32:
        return CLACT_F32;
    case kDLFloat * 256 + 16:
        return CLACT_F16;
    case IS_BFLOAT * 256 + 16:
        return CLACT_BF16;
    case kDLFloat * 256 + 64:
        return CLACT_F64;
    case kDLInt * 256 + 8:
        return CLACT_I8;
    case kDLUInt * 256 + 8:
    case IS_BOOL * 256 + 8:
        return CLACT_U8;
    case kDLInt * 256 + 32:
        return CLACT_I32;
    default:
        return -1;
    }
}

/* How many elements, *below, the tensor reaches below that at index 0; false on overflow. */
static inline int clact_dlpack_below(const DLTensor *tensor, int64_t *below)
{
    int32_t k;
    *below = 0;
    for (k = 0; k < tensor->ndim; k++) {
        int64_t last = tensor->shape[k] - 1, stride = tensor->strides[k];
        if (stride >= 0 || last <= 0)
            continue;
        if (stride < -(INT64_MAX / 16) || last > (INT64_MAX / 16 - *below) / -stride)
            return 0;
        *below += last * -stride;
    }
    return 1;
}

static inline clact_status clact_dlpack_refuse(const char **why, clact_status status, const char *sentence)
{
    if (why)
        *why = sentence;
    return status;
}

/* Describes a tensor in the memory of the CPU (data is set) or in a cl_mem (mem is set): for the calls of clact/opencl.h,
 * or for clact_buffer_import, the offset being the operand's. Shape, strides and byte_offset are the tensor's.
 * CLACT_E_UNSUPPORTED for other devices and types, and for vectors; CLACT_E_ARGUMENT for more than CLACT_MAX_RANK
 * dimensions, and where elements are not aligned; CLACT_E_BOUNDS for strides that overflow. *why, unless why is NULL, is
 * then a static sentence, and out is not written. What is left, the calls check. */
static inline clact_status clact_operand_from_dlpack(clact_operand *out, const DLTensor *tensor, const char **why)
{
    clact_operand o = clact_array(CLACT_F32, NULL, 0);
    int type = clact_type_from_dlpack(tensor->dtype), on_cpu = tensor->device.device_type == kDLCPU;
    uint64_t size = type < 0 ? 1 : (uint64_t)tensor->dtype.bits / 8;
    uint64_t start = tensor->byte_offset + (on_cpu ? (uint64_t)(uintptr_t)tensor->data : 0);
    int64_t below = 0;
    int32_t k;
    if (type < 0)
        return clact_dlpack_refuse(why, CLACT_E_UNSUPPORTED,
                                   "clact has tensors of f32, f16, bf16, f64, i8, u8 and i32, and of no vectors");
    if (!on_cpu && tensor->device.device_type != kDLOpenCL)
        return clact_dlpack_refuse(why, CLACT_E_UNSUPPORTED, "the tensor is neither on the CPU nor in memory of OpenCL");
    if (tensor->ndim < 0 || tensor->ndim > CLACT_MAX_RANK)
        return clact_dlpack_refuse(why, CLACT_E_ARGUMENT, "clact has tensors of at most 8 dimensions");
    if (start % size != 0)
        return clact_dlpack_refuse(why, CLACT_E_ARGUMENT, "the tensor's start is not aligned to its elements");
    if (on_cpu && tensor->strides && !clact_dlpack_below(tensor, &below))
        return clact_dlpack_refuse(why, CLACT_E_BOUNDS, "the tensor's strides overflow");
    o.tensor.type = (uint32_t)type;
    o.tensor.rank = (uint32_t)tensor->ndim;
    o.tensor.strided = tensor->strides != NULL;
    for (k = 0; k < tensor->ndim; k++) {
        o.tensor.dims[k] = tensor->shape[k];
        o.tensor.strides[k] = tensor->strides ? tensor->strides[k] : 0;
    }
    if (on_cpu) { /* an operand's offset is never negative: its data begins where the tensor's lowest element is */
        o.data = tensor->data ? (void *)(uintptr_t)(start - (uint64_t)below * size) : NULL;
        o.tensor.offset = below;
    } else {
        o.mem = (struct _cl_mem *)tensor->data;
        o.tensor.offset = (int64_t)(start / size);
    }
    *out = o;
    return CLACT_OK;
}

#ifdef __cplusplus
}
#endif

#endif
