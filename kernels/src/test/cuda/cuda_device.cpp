// SPDX-License-Identifier: Apache-2.0
//
// The first GPU as the device of tests: the kernels' PTX, loaded by NVIDIA's driver, which is all
// that it needs. No CUDA toolkit makes these programs, so that any machine builds them, and they
// also run on the emulated driver.
//
// CUDA_DRIVER names the libcuda.so.1 to use, if not the system's. Without a driver or a GPU the
// program ends with 77 and a line that says so.
#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>

#include "device.h"

// The images' bytes and a zero; the assembler finds them where build.sh says.
#define PTX_IMAGE(name)              \
  asm(".section .rodata\n"           \
      #name ":\n"                    \
      ".incbin \"" #name ".ptx\"\n"  \
      ".byte 0\n"                    \
      ".previous\n");                \
  extern "C" __attribute__((visibility("hidden"))) const char name[]

PTX_IMAGE(saeflow_sm75);
PTX_IMAGE(saeflow_sm80);

namespace device {
namespace {

constexpr int kCannot = 77;

// Of cuda.h.
constexpr int kComputeCapabilityMajor = 75;
constexpr int kComputeCapabilityMinor = 76;
constexpr int kMaxDynamicSharedBytes = 8;
constexpr int kGenerateLineInfo = 13;

/** What a kernel may have without asking for more. */
constexpr size_t kSharedBytes = 48 << 10;

[[noreturn]] void cannot(const std::string& why) {
  std::printf("%s\n", why.c_str());
  std::exit(kCannot);
}

/** A function of the driver, which must succeed. */
template <class... Parameters>
class Function {
 public:
  Function(void* library, const char* name)
      : name_(name), function_(reinterpret_cast<int (*)(Parameters...)>(dlsym(library, name))) {
    if (function_ == nullptr) {
      cannot(std::string("the driver has no function ") + name);
    }
  }

  void operator()(Parameters... arguments) const {
    int result = function_(arguments...);
    if (result != 0) {
      throw std::runtime_error(std::string(name_) + ": error " + std::to_string(result));
    }
  }

 private:
  const char* name_;
  int (*function_)(Parameters...);
};

using Pointer = unsigned long long;

struct Driver {
  void* library = open();
  Function<unsigned> init{library, "cuInit"};
  Function<int*, int> device_get{library, "cuDeviceGet"};
  Function<char*, int, int> device_get_name{library, "cuDeviceGetName"};
  Function<int*, int, int> device_get_attribute{library, "cuDeviceGetAttribute"};
  Function<void**, int> primary_context_retain{library, "cuDevicePrimaryCtxRetain"};
  Function<int> primary_context_release{library, "cuDevicePrimaryCtxRelease_v2"};
  Function<void*> context_set_current{library, "cuCtxSetCurrent"};
  Function<void**, const void*, unsigned, int*, void**> module_load{library, "cuModuleLoadDataEx"};
  Function<void*> module_unload{library, "cuModuleUnload"};
  Function<void**, void*, const char*> module_get_function{library, "cuModuleGetFunction"};
  Function<void*, int, int> function_set_attribute{library, "cuFuncSetAttribute"};
  Function<void*, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void*,
           void**, void**>
      launch_kernel{library, "cuLaunchKernel"};
  Function<void**, unsigned> stream_create{library, "cuStreamCreate"};
  Function<void*> stream_synchronize{library, "cuStreamSynchronize"};
  Function<void*> stream_destroy{library, "cuStreamDestroy_v2"};
  Function<Pointer*, size_t> memory_allocate{library, "cuMemAlloc_v2"};
  Function<Pointer> memory_free{library, "cuMemFree_v2"};
  Function<Pointer, const void*, size_t> copy_in{library, "cuMemcpyHtoD_v2"};
  Function<void*, Pointer, size_t> copy_out{library, "cuMemcpyDtoH_v2"};

  static void* open() {
    const char* chosen = std::getenv("CUDA_DRIVER");
    void* library = dlopen(chosen == nullptr ? "libcuda.so.1" : chosen, RTLD_NOW);
    if (library == nullptr) {
      cannot(std::string("no driver: ") + dlerror());
    }
    return library;
  }
};

/** The first GPU, from its first use to the program's end. */
class Gpu {
 public:
  static Gpu& first() {
    static Gpu gpu;
    return gpu;
  }

  Gpu() {
    try {
      driver.init(0);
      driver.device_get(&device_, 0);
    } catch (const std::runtime_error& failure) {
      cannot(std::string("no GPU: ") + failure.what());
    }
    char name[256] = {};
    int major = 0;
    int minor = 0;
    driver.device_get_name(name, sizeof(name) - 1, device_);
    driver.device_get_attribute(&major, kComputeCapabilityMajor, device_);
    driver.device_get_attribute(&minor, kComputeCapabilityMinor, device_);
    std::printf("%s, compute capability %d.%d\n", name, major, minor);
    void* context = nullptr;
    driver.primary_context_retain(&context, device_);
    driver.context_set_current(context);
    const char* image = major >= 8 ? saeflow_sm80 : saeflow_sm75;
    // Of no effect where the image has none.
    int option = kGenerateLineInfo;
    void* yes = reinterpret_cast<void*>(uintptr_t{1});
    driver.module_load(&module_, image, 1, &option, &yes);
    driver.stream_create(&stream_, 0);
  }

  ~Gpu() {
    driver.stream_destroy(stream_);
    driver.module_unload(module_);
    driver.primary_context_release(device_);
  }

  Gpu(const Gpu&) = delete;
  Gpu& operator=(const Gpu&) = delete;

  void launch(const char* kernel, dim3 grid, dim3 block, size_t shared_bytes, void** parameters) {
    void* function = nullptr;
    driver.module_get_function(&function, module_, kernel);
    if (shared_bytes > kSharedBytes) {
      driver.function_set_attribute(
          function, kMaxDynamicSharedBytes, static_cast<int>(shared_bytes));
    }
    driver.launch_kernel(
        function, grid.x, grid.y, grid.z, block.x, block.y, block.z,
        static_cast<unsigned>(shared_bytes), stream_, parameters, nullptr);
    driver.stream_synchronize(stream_);
  }

  Driver driver;

 private:
  int device_ = 0;
  void* module_ = nullptr;
  void* stream_ = nullptr;
};

}  // namespace

void* allocate(size_t bytes) {
  if (bytes == 0) {
    return nullptr;
  }
  Pointer start = 0;
  Gpu::first().driver.memory_allocate(&start, bytes);
  return reinterpret_cast<void*>(start);
}

void release(void* start) { Gpu::first().driver.memory_free(reinterpret_cast<Pointer>(start)); }

void copy_in(void* to, const void* from, size_t bytes) {
  if (bytes > 0) {
    Gpu::first().driver.copy_in(reinterpret_cast<Pointer>(to), from, bytes);
  }
}

void copy_out(void* to, const void* from, size_t bytes) {
  if (bytes > 0) {
    Gpu::first().driver.copy_out(to, reinterpret_cast<Pointer>(from), bytes);
  }
}

void set_seed(uint64_t) {}

void launch(
    const char* kernel,
    const std::vector<size_t>&,
    dim3 grid,
    dim3 block,
    size_t shared_bytes,
    void** parameters) {
  try {
    Gpu::first().launch(kernel, grid, block, shared_bytes, parameters);
  } catch (const std::runtime_error& failure) {
    throw std::runtime_error(std::string(kernel) + ": " + failure.what());
  }
}

}  // namespace device
