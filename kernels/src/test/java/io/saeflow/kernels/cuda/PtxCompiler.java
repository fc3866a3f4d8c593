// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import jcuda.nvptxcompiler.JNvPTXCompiler;
import jcuda.nvptxcompiler.nvPTXCompileResult;
import jcuda.nvptxcompiler.nvPTXCompilerHandle;

/** The PTX compiler of CUDA 12.0, the oldest that images must be good for; it needs no GPU. */
final class PtxCompiler {
  private static final Pattern KERNEL = Pattern.compile("Compiling entry function '(\\w+)'");
  private static final Pattern SPILLS = Pattern.compile("(\\d+) bytes spill stores");
  private static final Pattern REGISTERS = Pattern.compile("Used (\\d+) registers");

  private PtxCompiler() {}

  /**
   * What each kernel needs on a GPU.
   *
   * @param architecture such as {@code sm_80}
   */
  static Map<String, Needs> compile(String ptx, String architecture) {
    JNvPTXCompiler.setExceptionsEnabled(false);
    byte[] text = (ptx + "\0").getBytes(StandardCharsets.US_ASCII);
    nvPTXCompilerHandle handle = new nvPTXCompilerHandle();
    check(JNvPTXCompiler.nvPTXCompilerCreate(handle, text.length - 1, text), "reading the PTX");
    try {
      String[] options = {"--gpu-name=" + architecture, "--verbose"};
      int result = JNvPTXCompiler.nvPTXCompilerCompile(handle, options.length, options);
      check(result, "compiling for %s: %s".formatted(architecture, errors(handle)));
      return needs(information(handle));
    } finally {
      JNvPTXCompiler.nvPTXCompilerDestroy(handle);
    }
  }

  private static Map<String, Needs> needs(String log) {
    Map<String, Needs> needs = new TreeMap<>();
    String kernel = null;
    int spills = 0;
    for (String line : log.split("\n")) {
      Matcher name = KERNEL.matcher(line);
      Matcher spilled = SPILLS.matcher(line);
      Matcher used = REGISTERS.matcher(line);
      if (name.find()) {
        kernel = name.group(1);
      } else if (spilled.find()) {
        spills = Integer.parseInt(spilled.group(1));
      } else if (used.find()) {
        needs.put(kernel, new Needs(Integer.parseInt(used.group(1)), spills));
      }
    }
    return needs;
  }

  private static String errors(nvPTXCompilerHandle handle) {
    long[] size = new long[1];
    JNvPTXCompiler.nvPTXCompilerGetErrorLogSize(handle, size);
    byte[] log = new byte[(int) size[0] + 1];
    JNvPTXCompiler.nvPTXCompilerGetErrorLog(handle, log);
    return new String(log, StandardCharsets.UTF_8).strip();
  }

  private static String information(nvPTXCompilerHandle handle) {
    long[] size = new long[1];
    JNvPTXCompiler.nvPTXCompilerGetInfoLogSize(handle, size);
    byte[] log = new byte[(int) size[0] + 1];
    JNvPTXCompiler.nvPTXCompilerGetInfoLog(handle, log);
    return new String(log, StandardCharsets.UTF_8).strip();
  }

  private static void check(int result, String what) {
    assertThat(nvPTXCompileResult.stringFor(result)).as(what).isEqualTo("NVPTXCOMPILE_SUCCESS");
  }

  /** Registers of a thread, and bytes of them that a thread puts into memory for want of more. */
  record Needs(int registers, int spillBytes) {}
}
