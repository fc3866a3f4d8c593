// SPDX-License-Identifier: Apache-2.0
//
// A libcuda.so.1 whose device is the CPU: the calls that saeflow's host code makes, over the
// emulated kernels. All other functions answer 801, CUDA_ERROR_NOT_SUPPORTED.
//
// It is stricter than a driver: work on a stream is done only when something waits for it, or under
// a seed also between any two calls, each stream as far as it happens; copies must stay within one
// allocation and come from or go to pinned memory when they are asynchronous, and wait for no stream
// when they are not; a call without a current context fails. Device memory begins as NaNs. A kernel
// is found only if the module's PTX has an entry of that name.
//
// Environment, read when the library is loaded:
//   FAKECUDA_DEVICES          how many devices there are (1)
//   FAKECUDA_INIT             what cuInit returns with a device (0)
//   FAKECUDA_DRIVER_VERSION   1000 major + 10 minor (13000)
//   FAKECUDA_CAPABILITY       10 major + minor of every device (90)
//   FAKECUDA_REFUSED          targets whose PTX is refused, such as "75 80" (none)
//   FAKECUDA_LAUNCH           what every kernel's run ends with (0); sticky, as on a device
//   FAKECUDA_GOOD_LAUNCHES    how many runs of kernels end well before that (0)
//   FAKECUDA_SEED             the emulation's schedule, of threads and of streams (0)
//   FAKECUDA_TRACE            1 for a line on standard error for what is put on a stream and for
//                             each wait (0)
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <regex>
#include <set>

#include "emu.h"

#define API extern "C" __attribute__((visibility("default"))) int

namespace {

constexpr int kSuccess = 0;
constexpr int kInvalidValue = 1;
constexpr int kOutOfMemory = 2;
constexpr int kNotInitialized = 3;
constexpr int kNoDevice = 100;
constexpr int kInvalidDevice = 101;
constexpr int kInvalidContext = 201;
constexpr int kNoBinaryForGpu = 209;
constexpr int kInvalidPtx = 218;
constexpr int kUnsupportedPtxVersion = 222;
constexpr int kInvalidHandle = 400;
constexpr int kNotFound = 500;
constexpr int kNotReady = 600;
constexpr int kLaunchFailed = 719;

constexpr size_t kDeviceBytes = size_t{1} << 30;

int from_environment(const char* name, int otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : std::atoi(value);
}

const int devices = from_environment("FAKECUDA_DEVICES", 1);
const int init_result = from_environment("FAKECUDA_INIT", kSuccess);
const int driver_version = from_environment("FAKECUDA_DRIVER_VERSION", 13000);
const int capability = from_environment("FAKECUDA_CAPABILITY", 90);
const int good_launches = from_environment("FAKECUDA_GOOD_LAUNCHES", 0);
const int launch_result = from_environment("FAKECUDA_LAUNCH", kSuccess);
const int seed = from_environment("FAKECUDA_SEED", 0);
const bool traced = from_environment("FAKECUDA_TRACE", 0) == 1;

struct Module {
  std::string ptx;
};

struct Function {
  const emu::Kernel* kernel;
};

struct Stream {
  int number;
  std::deque<std::function<void()>> work;
  uint64_t done = 0;

  void run_to(uint64_t count) {
    while (done < count && !work.empty()) {
      auto next = std::move(work.front());
      work.pop_front();
      next();
      done++;
    }
  }

  uint64_t issued() const { return done + work.size(); }
};

struct Event {
  Stream* stream = nullptr;
  uint64_t count = 0;
};

/** Everything there is; one call at a time. */
struct Driver {
  std::recursive_mutex mutex;
  bool initialized = false;
  int sticky = kSuccess;
  int launches = 0;
  int streams_made = 0;
  std::mt19937_64 random_bits{static_cast<uint64_t>(seed)};
  std::map<uintptr_t, size_t> device_memory;
  std::map<uintptr_t, size_t> pinned_memory;
  size_t allocated = 0;
  std::set<void*> streams;
  std::set<void*> events;
  std::set<void*> modules;
  std::map<const emu::Kernel*, std::unique_ptr<Function>> functions;
};

Driver driver;
thread_local bool context_is_current = false;

bool within(const std::map<uintptr_t, size_t>& memory, uintptr_t start, size_t size) {
  auto after = memory.upper_bound(start);
  if (after == memory.begin()) {
    return false;
  }
  auto block = std::prev(after);
  size_t offset = start - block->first;
  return offset <= block->second && size <= block->second - offset;
}

void complain(const std::string& what) { std::fprintf(stderr, "fakecuda: %s\n", what.c_str()); }

void trace(const void* stream, const std::string& what) {
  if (traced) {
    complain("stream " + std::to_string(static_cast<const Stream*>(stream)->number) + ": " + what);
  }
}

/** Under a seed, each stream gets on by itself as far as it happens. */
void get_on() {
  if (seed == 0) {
    return;
  }
  for (void* stream : driver.streams) {
    Stream* work = static_cast<Stream*>(stream);
    work->run_to(work->done + driver.random_bits() % (work->work.size() + 1));
  }
}

/** The newest PTX, 10 major + minor, that a driver of this version reads. */
int newest_ptx() {
  int major = driver_version / 1000;
  int minor = driver_version % 1000 / 10;
  return major >= 13 ? 90 + minor : 10 * (major - 4) + minor;
}

/** Whether the module can be loaded, and if not what the log says. */
int check_ptx(const std::string& ptx, std::string& log) {
  std::smatch version;
  std::smatch target;
  if (!std::regex_search(ptx, version, std::regex(R"(\n\.version (\d+)\.(\d+))")) ||
      !std::regex_search(ptx, target, std::regex(R"(\n\.target sm_(\d+)(a?))"))) {
    log = "ptxas: no .version or no .target";
    return kInvalidPtx;
  }
  int isa = 10 * std::stoi(version[1]) + std::stoi(version[2]);
  if (isa > newest_ptx()) {
    log = "ptxas: unsupported .version " + version.str(1) + "." + version.str(2);
    return kUnsupportedPtxVersion;
  }
  int architecture = std::stoi(target[1]);
  if (architecture > capability || (target[2] == "a" && architecture != capability)) {
    log = "ptxas: .target sm_" + target.str(1) + target.str(2) + " is not for this device";
    return kNoBinaryForGpu;
  }
  const char* refused = std::getenv("FAKECUDA_REFUSED");
  if (refused != nullptr && std::strstr(refused, target.str(1).c_str()) != nullptr) {
    log = "ptxas: refused,\n  as asked for\n";
    return kUnsupportedPtxVersion;
  }
  return kSuccess;
}

}  // namespace

// What every call with a context begins with.
#define ENTER_DRIVER                                              \
  std::lock_guard<std::recursive_mutex> lock(driver.mutex);       \
  if (!driver.initialized) return kNotInitialized;                \
  if (driver.sticky != kSuccess) return driver.sticky

#define ENTER_CONTEXT                               \
  ENTER_DRIVER;                                     \
  if (!context_is_current) return kInvalidContext;  \
  get_on()

// ---- Driver and devices.

API cuInit(unsigned) {
  std::lock_guard<std::recursive_mutex> lock(driver.mutex);
  if (devices == 0) {
    return kNoDevice;
  }
  if (init_result == kSuccess) {
    driver.initialized = true;
    emu::set_seed(seed);
  }
  return init_result;
}

API cuDriverGetVersion(int* version) {
  *version = driver_version;
  return kSuccess;
}

API cuDeviceGetCount(int* count) {
  ENTER_DRIVER;
  *count = devices;
  return kSuccess;
}

API cuDeviceGet(int* device, int ordinal) {
  ENTER_DRIVER;
  if (ordinal < 0 || ordinal >= devices) {
    return kInvalidDevice;
  }
  *device = ordinal;
  return kSuccess;
}

API cuDeviceGetName(char* name, int length, int device) {
  ENTER_DRIVER;
  std::snprintf(name, length, "emulated device %d", device);
  return kSuccess;
}

API cuDeviceGetAttribute(int* value, int attribute, int) {
  ENTER_DRIVER;
  switch (attribute) {
    case 10: *value = 32; break;                   // WARP_SIZE
    case 16: *value = 1; break;                    // MULTIPROCESSOR_COUNT
    case 75: *value = capability / 10; break;      // COMPUTE_CAPABILITY_MAJOR
    case 76: *value = capability % 10; break;      // COMPUTE_CAPABILITY_MINOR
    case 97: *value = 64 << 10; break;             // MAX_SHARED_MEMORY_PER_BLOCK_OPTIN
    default: return kInvalidValue;
  }
  return kSuccess;
}

API cuDeviceTotalMem_v2(size_t* bytes, int) {
  ENTER_DRIVER;
  *bytes = kDeviceBytes;
  return kSuccess;
}

API cuGetErrorName(int code, const char** name) {
  static thread_local std::string text;
  text = "FAKECUDA_ERROR_" + std::to_string(code);
  *name = text.c_str();
  return kSuccess;
}

API cuGetErrorString(int code, const char** description) {
  static thread_local std::string text;
  text = "error " + std::to_string(code) + " of the emulated driver";
  *description = text.c_str();
  return kSuccess;
}

// ---- Context.

API cuDevicePrimaryCtxRetain(void** context, int) {
  ENTER_DRIVER;
  *context = &driver;
  return kSuccess;
}

API cuDevicePrimaryCtxRelease_v2(int) {
  ENTER_DRIVER;
  return kSuccess;
}

API cuCtxSetCurrent(void* context) {
  ENTER_DRIVER;
  context_is_current = context != nullptr;
  return kSuccess;
}

// ---- Modules and kernels.

API cuModuleLoadDataEx(
    void** module, const void* image, unsigned options, const int* option, void** values) {
  ENTER_CONTEXT;
  std::string ptx = static_cast<const char*>(image);
  std::string log;
  int result = check_ptx(ptx, log);
  char* buffer = nullptr;
  size_t size = 0;
  for (unsigned i = 0; i < options; i++) {
    if (option[i] == 5) {  // CU_JIT_ERROR_LOG_BUFFER
      buffer = static_cast<char*>(values[i]);
    } else if (option[i] == 6) {  // CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES
      size = reinterpret_cast<uintptr_t>(values[i]) & 0xffffffffu;
    }
  }
  if (buffer != nullptr && size > 0) {
    std::snprintf(buffer, size, "%s", log.c_str());
  }
  if (result == kSuccess) {
    *module = new Module{ptx};
    driver.modules.insert(*module);
  }
  return result;
}

API cuModuleUnload(void* module) {
  ENTER_CONTEXT;
  if (driver.modules.erase(module) == 0) {
    return kInvalidHandle;
  }
  delete static_cast<Module*>(module);
  return kSuccess;
}

API cuModuleGetFunction(void** function, void* module, const char* name) {
  ENTER_CONTEXT;
  if (driver.modules.count(module) == 0) {
    return kInvalidHandle;
  }
  const emu::Kernel* kernel = emu::find_kernel(name);
  std::string entry = std::string(".entry ") + name + "(";
  if (kernel == nullptr || static_cast<Module*>(module)->ptx.find(entry) == std::string::npos) {
    return kNotFound;
  }
  auto& known = driver.functions[kernel];
  if (!known) {
    known.reset(new Function{kernel});
  }
  *function = known.get();
  return kSuccess;
}

API cuFuncSetAttribute(void*, int, int) {
  ENTER_CONTEXT;
  return kSuccess;
}

API cuLaunchKernel(
    void* function,
    unsigned grid_x,
    unsigned grid_y,
    unsigned grid_z,
    unsigned block_x,
    unsigned block_y,
    unsigned block_z,
    unsigned shared_bytes,
    void* stream,
    void** parameters,
    void**) {
  ENTER_CONTEXT;
  if (driver.streams.count(stream) == 0 || function == nullptr) {
    return kInvalidHandle;
  }
  const emu::Kernel* kernel = static_cast<Function*>(function)->kernel;
  // The caller may change its arguments once this returns.
  std::vector<std::vector<char>> arguments;
  for (size_t i = 0; i < kernel->parameter_sizes.size(); i++) {
    const char* argument = static_cast<const char*>(parameters[i]);
    arguments.emplace_back(argument, argument + kernel->parameter_sizes[i]);
  }
  dim3 grid{grid_x, grid_y, grid_z};
  dim3 block{block_x, block_y, block_z};
  trace(stream, "launch");
  static_cast<Stream*>(stream)->work.push_back([=]() mutable {
    if (driver.sticky != kSuccess) {
      return;
    }
    std::vector<void*> pointers;
    for (auto& argument : arguments) {
      pointers.push_back(argument.data());
    }
    try {
      emu::launch(*kernel, grid, block, shared_bytes, pointers.data());
      driver.sticky = driver.launches++ < good_launches ? kSuccess : launch_result;
    } catch (const emu::LaunchFailure& failure) {
      complain(failure.what());
      driver.sticky = kLaunchFailed;
    }
  });
  return kSuccess;
}

// ---- Memory.

API cuMemAlloc_v2(unsigned long long* pointer, size_t size) {
  ENTER_CONTEXT;
  if (size == 0) {
    return kInvalidValue;
  }
  if (size > kDeviceBytes - driver.allocated) {
    return kOutOfMemory;
  }
  void* memory = std::aligned_alloc(256, (size + 255) / 256 * 256);
  if (memory == nullptr) {
    return kOutOfMemory;
  }
  std::memset(memory, 0xFF, size);
  *pointer = reinterpret_cast<uintptr_t>(memory);
  driver.device_memory[*pointer] = size;
  driver.allocated += size;
  return kSuccess;
}

API cuMemFree_v2(unsigned long long pointer) {
  ENTER_CONTEXT;
  auto found = driver.device_memory.find(pointer);
  if (found == driver.device_memory.end()) {
    return kInvalidValue;
  }
  // As a driver does, after all work that may use it.
  for (void* stream : driver.streams) {
    Stream* work = static_cast<Stream*>(stream);
    work->run_to(work->issued());
  }
  driver.allocated -= found->second;
  driver.device_memory.erase(found);
  std::free(reinterpret_cast<void*>(pointer));
  return kSuccess;
}

API cuMemGetInfo_v2(size_t* free_bytes, size_t* total) {
  ENTER_CONTEXT;
  *free_bytes = kDeviceBytes - driver.allocated;
  *total = kDeviceBytes;
  return kSuccess;
}

API cuMemHostAlloc(void** pointer, size_t size, unsigned) {
  ENTER_CONTEXT;
  *pointer = std::aligned_alloc(4096, (size + 4095) / 4096 * 4096);
  if (*pointer == nullptr) {
    return kOutOfMemory;
  }
  driver.pinned_memory[reinterpret_cast<uintptr_t>(*pointer)] = size;
  return kSuccess;
}

API cuMemFreeHost(void* pointer) {
  ENTER_CONTEXT;
  if (driver.pinned_memory.erase(reinterpret_cast<uintptr_t>(pointer)) == 0) {
    return kInvalidValue;
  }
  std::free(pointer);
  return kSuccess;
}

namespace {

int copy_later(const char* what, void* to, const void* from, size_t size, uintptr_t device,
               uintptr_t host, void* stream) {
  if (driver.streams.count(stream) == 0) {
    return kInvalidHandle;
  }
  if (!within(driver.device_memory, device, size)) {
    complain("a copy of " + std::to_string(size) + " bytes leaves its allocation");
    return kInvalidValue;
  }
  if (!within(driver.pinned_memory, host, size)) {
    complain("an asynchronous copy of " + std::to_string(size) + " bytes without pinned memory");
    return kInvalidValue;
  }
  trace(stream, what);
  static_cast<Stream*>(stream)->work.push_back([=] { std::memcpy(to, from, size); });
  return kSuccess;
}

int copy_now(void* to, const void* from, size_t size, uintptr_t device) {
  if (!within(driver.device_memory, device, size)) {
    complain("a copy of " + std::to_string(size) + " bytes leaves its allocation");
    return kInvalidValue;
  }
  std::memcpy(to, from, size);
  return kSuccess;
}

}  // namespace

API cuMemcpyHtoD_v2(unsigned long long to, const void* from, size_t size) {
  ENTER_CONTEXT;
  return copy_now(reinterpret_cast<void*>(to), from, size, to);
}

API cuMemcpyDtoH_v2(void* to, unsigned long long from, size_t size) {
  ENTER_CONTEXT;
  return copy_now(to, reinterpret_cast<void*>(from), size, from);
}

API cuMemcpyHtoDAsync_v2(unsigned long long to, const void* from, size_t size, void* stream) {
  ENTER_CONTEXT;
  return copy_later(
      "copy in", reinterpret_cast<void*>(to), from, size, to, reinterpret_cast<uintptr_t>(from),
      stream);
}

API cuMemcpyDtoHAsync_v2(void* to, unsigned long long from, size_t size, void* stream) {
  ENTER_CONTEXT;
  return copy_later(
      "copy out", to, reinterpret_cast<void*>(from), size, from, reinterpret_cast<uintptr_t>(to),
      stream);
}

API cuMemsetD8Async(unsigned long long to, unsigned char value, size_t count, void* stream) {
  ENTER_CONTEXT;
  if (driver.streams.count(stream) == 0) {
    return kInvalidHandle;
  }
  if (!within(driver.device_memory, to, count)) {
    return kInvalidValue;
  }
  static_cast<Stream*>(stream)->work.push_back(
      [=] { std::memset(reinterpret_cast<void*>(to), value, count); });
  return kSuccess;
}

API cuMemsetD32Async(unsigned long long to, unsigned value, size_t count, void* stream) {
  ENTER_CONTEXT;
  if (driver.streams.count(stream) == 0) {
    return kInvalidHandle;
  }
  if (!within(driver.device_memory, to, 4 * count)) {
    return kInvalidValue;
  }
  static_cast<Stream*>(stream)->work.push_back([=] {
    uint32_t* words = reinterpret_cast<uint32_t*>(to);
    std::fill(words, words + count, value);
  });
  return kSuccess;
}

// ---- Streams and events.

API cuStreamCreate(void** stream, unsigned) {
  ENTER_CONTEXT;
  *stream = new Stream{driver.streams_made++, {}, 0};
  driver.streams.insert(*stream);
  return kSuccess;
}

API cuStreamDestroy_v2(void* stream) {
  ENTER_CONTEXT;
  if (driver.streams.count(stream) == 0) {
    return kInvalidHandle;
  }
  Stream* work = static_cast<Stream*>(stream);
  work->run_to(work->issued());
  driver.streams.erase(stream);
  delete work;
  return kSuccess;
}

API cuStreamSynchronize(void* stream) {
  ENTER_CONTEXT;
  if (driver.streams.count(stream) == 0) {
    return kInvalidHandle;
  }
  trace(stream, "wait");
  Stream* work = static_cast<Stream*>(stream);
  work->run_to(work->issued());
  return driver.sticky;
}

API cuStreamWaitEvent(void* stream, void* event, unsigned) {
  ENTER_CONTEXT;
  if (driver.streams.count(stream) == 0 || driver.events.count(event) == 0) {
    return kInvalidHandle;
  }
  Event recorded = *static_cast<Event*>(event);
  if (recorded.stream != nullptr) {
    static_cast<Stream*>(stream)->work.push_back(
        [recorded] { recorded.stream->run_to(recorded.count); });
  }
  return kSuccess;
}

API cuEventCreate(void** event, unsigned) {
  ENTER_CONTEXT;
  *event = new Event();
  driver.events.insert(*event);
  return kSuccess;
}

API cuEventDestroy_v2(void* event) {
  ENTER_CONTEXT;
  if (driver.events.erase(event) == 0) {
    return kInvalidHandle;
  }
  delete static_cast<Event*>(event);
  return kSuccess;
}

API cuEventRecord(void* event, void* stream) {
  ENTER_CONTEXT;
  if (driver.streams.count(stream) == 0 || driver.events.count(event) == 0) {
    return kInvalidHandle;
  }
  Stream* recorded = static_cast<Stream*>(stream);
  *static_cast<Event*>(event) = {recorded, recorded->issued()};
  return kSuccess;
}

API cuEventSynchronize(void* event) {
  ENTER_CONTEXT;
  if (driver.events.count(event) == 0) {
    return kInvalidHandle;
  }
  Event* recorded = static_cast<Event*>(event);
  if (recorded->stream != nullptr) {
    recorded->stream->run_to(recorded->count);
  }
  return driver.sticky;
}

API cuEventQuery(void* event) {
  ENTER_CONTEXT;
  if (driver.events.count(event) == 0) {
    return kInvalidHandle;
  }
  Event* recorded = static_cast<Event*>(event);
  if (recorded->stream == nullptr || recorded->stream->done >= recorded->count) {
    return driver.sticky;
  }
  // The device gets on a little between two questions.
  recorded->stream->run_to(recorded->stream->done + 1);
  return kNotReady;
}

API cuEventElapsedTime(float* milliseconds, void*, void*) {
  ENTER_CONTEXT;
  *milliseconds = 1;
  return kSuccess;
}
