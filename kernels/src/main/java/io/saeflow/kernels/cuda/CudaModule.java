// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import jcuda.Pointer;
import jcuda.driver.CUfunction;
import jcuda.driver.CUjit_option;
import jcuda.driver.CUmodule;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;
import jcuda.driver.JITOptions;

/** The kernels, loaded on a device. Used on the device's thread only. */
final class CudaModule implements AutoCloseable {
  /** What says that an image is not for this driver or GPU, and another may be. */
  private static final Set<Integer> NOT_THIS_IMAGE =
      Set.of(
          CUresult.CUDA_ERROR_INVALID_IMAGE,
          CUresult.CUDA_ERROR_NO_BINARY_FOR_GPU,
          CUresult.CUDA_ERROR_INVALID_PTX,
          CUresult.CUDA_ERROR_UNSUPPORTED_PTX_VERSION);

  private static final int LOG_BYTES = 8192;

  private final CUmodule module;
  private final String imageName;
  private final Map<Kernel, CUfunction> functions = new EnumMap<>(Kernel.class);

  private CudaModule(CUmodule module, String imageName) {
    this.module = module;
    this.imageName = imageName;
  }

  /**
   * Loads the best image that the driver takes, and finds every kernel in it.
   *
   * @throws CudaException if it takes none, with the driver's compiler's words
   */
  static CudaModule load(ComputeCapability device) {
    List<String> refusals = new ArrayList<>();
    int code = CUresult.CUDA_ERROR_NO_BINARY_FOR_GPU;
    for (PtxImage image : PtxImage.bestFirst(device)) {
      CUmodule module = new CUmodule();
      JITOptions options = new JITOptions();
      options.putInt(CUjit_option.CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES, LOG_BYTES);
      options.putBytes(CUjit_option.CU_JIT_ERROR_LOG_BUFFER, new byte[LOG_BYTES]);
      byte[] text = (image.text() + "\0").getBytes(StandardCharsets.US_ASCII);
      code = JCudaDriver.cuModuleLoadDataJIT(module, Pointer.to(text), options);
      if (code == CUresult.CUDA_SUCCESS) {
        return withKernels(module, image.name());
      }
      if (!NOT_THIS_IMAGE.contains(code)) {
        CudaDriver.check(code, "loading " + image.name());
      }
      String log = options.getString(CUjit_option.CU_JIT_ERROR_LOG_BUFFER);
      refusals.add("%s: %s %s".formatted(image.name(), CudaDriver.describe(code), words(log)));
    }
    throw new CudaException(code, "no kernels for this GPU: " + String.join("; ", refusals));
  }

  private static CudaModule withKernels(CUmodule module, String imageName) {
    CudaModule loaded = new CudaModule(module, imageName);
    for (Kernel kernel : Kernel.values()) {
      CUfunction function = new CUfunction();
      int code = JCudaDriver.cuModuleGetFunction(function, module, kernel.entry());
      if (code != CUresult.CUDA_SUCCESS) {
        loaded.close();
        CudaDriver.check(code, "finding %s in %s".formatted(kernel.entry(), imageName));
      }
      loaded.functions.put(kernel, function);
    }
    return loaded;
  }

  /** Which image the driver took. */
  String imageName() {
    return imageName;
  }

  CUfunction function(Kernel kernel) {
    return functions.get(kernel);
  }

  @Override
  public void close() {
    CudaDriver.check(JCudaDriver.cuModuleUnload(module), "unloading the kernels");
  }

  private static String words(String log) {
    int end = log.indexOf('\0');
    return (end < 0 ? log : log.substring(0, end)).strip().replaceAll("\\s*\\R\\s*", " ");
  }
}
