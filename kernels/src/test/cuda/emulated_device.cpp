// SPDX-License-Identifier: Apache-2.0
//
// The device of tests on the processor. Its memory has exactly the size asked for, so that the
// address sanitizer sees its end.
#include <new>

#include "device.h"

namespace device {
namespace {

// As cuMemAlloc's.
constexpr std::align_val_t kAlignment{256};

// NaN as f16, f32 and f64, and no index.
constexpr unsigned char kPoison = 0xff;

}  // namespace

void* allocate(size_t bytes) {
  if (bytes == 0) {
    return nullptr;
  }
  void* start = ::operator new(bytes, kAlignment);
  std::memset(start, kPoison, bytes);
  return start;
}

void release(void* start) { ::operator delete(start, kAlignment); }

void copy_in(void* to, const void* from, size_t bytes) {
  if (bytes > 0) {
    std::memcpy(to, from, bytes);
  }
}

void copy_out(void* to, const void* from, size_t bytes) { copy_in(to, from, bytes); }

void set_seed(uint64_t seed) { emu::set_seed(seed); }

void launch(
    const char* name,
    const std::vector<size_t>& sizes,
    dim3 grid,
    dim3 block,
    size_t shared_bytes,
    void** parameters) {
  const emu::Kernel* kernel = emu::find_kernel(name);
  if (kernel == nullptr) {
    throw emu::LaunchFailure(std::string("no kernel named ") + name);
  }
  if (kernel->parameter_sizes != sizes) {
    throw emu::LaunchFailure(std::string("arguments do not fit the parameters of ") + name);
  }
  emu::launch(*kernel, grid, block, shared_bytes, parameters);
}

}  // namespace device
