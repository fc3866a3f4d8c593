// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import static io.saeflow.kernels.cuda.Kernel.Parameter.INT;
import static io.saeflow.kernels.cuda.Kernel.Parameter.POINTER;

import java.util.List;
import java.util.Locale;

/**
 * The kernels of src/main/cuda and their parameters, in order; there the source says what each
 * means. A kernel's name is its entry in lower case.
 */
enum Kernel {
  /** x, weights, bias, rows or null, tokens, width, first, end, out. */
  DENSE_CANON(POINTER, POINTER, POINTER, POINTER, INT, INT, INT, INT, POINTER);

  /** What a parameter is. */
  enum Parameter {
    INT(Integer.BYTES),
    FLOAT(Float.BYTES),
    POINTER(Long.BYTES);

    private final int bytes;

    Parameter(int bytes) {
      this.bytes = bytes;
    }

    int bytes() {
      return bytes;
    }
  }

  private final List<Parameter> parameters;

  Kernel(Parameter... parameters) {
    this.parameters = List.of(parameters);
  }

  String entry() {
    return name().toLowerCase(Locale.ROOT);
  }

  List<Parameter> parameters() {
    return parameters;
  }
}
