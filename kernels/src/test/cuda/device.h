// SPDX-License-Identifier: Apache-2.0
//
// What tests of kernels ask of a device: memory and launches. g++ compiles a test once; linked with
// emulated_device.cpp it runs on the processor, with cuda_device.cpp on a GPU (build.sh).
//
// Memory is of the device alone, never managed, and arrays that kernels are to fill are not filled
// before. So compute-sanitizer, as the sanitizers of g++, sees what is past the end of an array,
// and its initcheck what a kernel reads that nobody wrote.
#pragma once

#include <memory>

#include "hw.h"

namespace device {

/** Device memory; the emulation's begins as 0xff in each byte. Null if there are no bytes. */
void* allocate(size_t bytes);

void release(void* start);

void copy_in(void* to, const void* from, size_t bytes);

void copy_out(void* to, const void* from, size_t bytes);

/** Which schedule an emulated device follows from here on; a GPU has its own. */
void set_seed(uint64_t seed);

/**
 * Runs a kernel to its end; throws if it fails.
 *
 * @param sizes bytes of each argument
 * @param shared_bytes of dynamic shared memory
 * @param parameters one pointer to each argument
 */
void launch(
    const char* kernel,
    const std::vector<size_t>& sizes,
    dim3 grid,
    dim3 block,
    size_t shared_bytes,
    void** parameters);

/** Launches the kernel of that name with arguments of exactly its parameters' sizes. */
template <class... Arguments>
void run(const char* kernel, dim3 grid, dim3 block, size_t shared_bytes, Arguments... arguments) {
  // One more, as no array is empty.
  void* parameters[] = {const_cast<void*>(static_cast<const void*>(&arguments))..., nullptr};
  launch(kernel, {sizeof(Arguments)...}, grid, block, shared_bytes, parameters);
}

/** An array that kernels read and write. */
template <class T>
class Memory {
 public:
  /** Of values that nobody has written. */
  explicit Memory(size_t count) : count_(count), start_(allocate(count * sizeof(T))) {}

  /** A copy of these. */
  explicit Memory(const std::vector<T>& values) : Memory(values.size()) {
    copy_in(start_.get(), values.data(), count_ * sizeof(T));
  }

  /** Where kernels find it, and only they. */
  T* data() { return static_cast<T*>(start_.get()); }
  const T* data() const { return static_cast<const T*>(start_.get()); }

  /** What it holds after all launches. */
  std::vector<T> values() const {
    std::vector<T> values(count_);
    copy_out(values.data(), start_.get(), count_ * sizeof(T));
    return values;
  }

 private:
  struct Release {
    void operator()(void* start) const { release(start); }
  };

  size_t count_;
  std::unique_ptr<void, Release> start_;
};

}  // namespace device
