// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.device;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Where a process is asked to encode and to aggregate. */
public sealed interface Device {
  /** A GPU if there is one that can be used, else the processor. */
  record Auto() implements Device {
    @Override
    public String toString() {
      return "auto";
    }
  }

  /** The processor. */
  record Cpu() implements Device {
    @Override
    public String toString() {
      return "cpu";
    }
  }

  /**
   * A GPU, and nothing else.
   *
   * @param ordinal its number among those that the process sees, from 0
   */
  record Cuda(int ordinal) implements Device {
    public Cuda {
      if (ordinal < 0) {
        throw new IllegalArgumentException("device: cuda:%d (expected: >= 0)".formatted(ordinal));
      }
    }

    @Override
    public String toString() {
      return "cuda:" + ordinal;
    }
  }

  /** Which kind it is, without a number: auto, cpu or cuda. */
  default String kind() {
    return this instanceof Cuda ? "cuda" : toString();
  }

  /** What a text must be. */
  String EXPECTATION = "auto, cpu, cuda or cuda:N";

  /**
   * The device of a text: {@value #EXPECTATION}, where {@code cuda} is {@code cuda:0}.
   *
   * @throws IllegalArgumentException if it is none of these
   */
  static Device parse(String text) {
    Matcher cuda = Pattern.compile("cuda(?::(\\d{1,4}))?").matcher(text);
    if (cuda.matches()) {
      return new Cuda(cuda.group(1) == null ? 0 : Integer.parseInt(cuda.group(1)));
    }
    return switch (text) {
      case "auto" -> new Auto();
      case "cpu" -> new Cpu();
      default ->
          throw new IllegalArgumentException(
              "device: '%s' (expected: %s)".formatted(text, EXPECTATION));
    };
  }
}
