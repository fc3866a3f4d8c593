// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

/**
 * Asks in a process of its own: which driver is used, and what it says, holds for a process. Prints
 * what was found, or what came of a launch.
 */
final class ProbeProgram {
  private ProbeProgram() {}

  /** {@code probe}, {@code probe N}, or {@code launch}. */
  public static void main(String[] args) {
    switch (args[0]) {
      case "probe" -> print(args.length == 1 ? CudaProbe.probe() : probe(args[1]));
      case "launch" -> launch();
      default -> throw new IllegalArgumentException(args[0]);
    }
  }

  private static ProbeResult probe(String ordinal) {
    return CudaProbe.probe(Integer.parseInt(ordinal));
  }

  private static void print(ProbeResult result) {
    System.out.println(result.state());
    System.out.println(result.driverVersion());
    System.out.println(result.describe());
  }

  /** A device is lost, which must be said; closing what was open must not hide it. */
  private static void launch() {
    try (CudaDevice device = CudaDevice.open(CudaProbe.probe().devices().get(0))) {
      SelfTest.passes(device);
    } catch (CudaException e) {
      System.out.println(e.getClass().getSimpleName());
      System.out.println(e.code());
      System.out.println(e.getMessage());
      for (Throwable hidden : e.getSuppressed()) {
        System.out.println("hidden: " + hidden);
      }
    }
  }
}
