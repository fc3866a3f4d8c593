// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.cli;

import io.saeflow.kernels.cuda.CudaDeviceInfo;
import io.saeflow.kernels.cuda.CudaProbe;
import io.saeflow.kernels.cuda.ProbeResult;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code saeflow devices}: what encoders can run on. */
@Command(
    name = "devices",
    description = {
      "Say which devices there are for --device, and of GPUs whether they can be used and why not.",
      "Loads the kernels on every GPU and runs a self-test, which takes some seconds the first time."
    },
    mixinStandardHelpOptions = true,
    versionProvider = Saeflow.Version.class,
    sortOptions = false)
final class DevicesCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Override
  public Integer call() {
    PrintWriter out = spec.commandLine().getOut();
    out.println("cpu: ready (%d cores)".formatted(Runtime.getRuntime().availableProcessors()));
    ProbeResult found = CudaProbe.probe();
    if (found.devices().isEmpty()) {
      out.println("cuda: " + found.describe());
    }
    for (CudaDeviceInfo device : found.devices()) {
      ProbeResult tried = CudaProbe.probe(device.ordinal());
      out.println("cuda:%d: %s".formatted(device.ordinal(), tried.describe()));
    }
    out.flush();
    return 0;
  }
}
