// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

/** What generation a GPU is of, such as 8.0. */
public record ComputeCapability(int major, int minor) implements Comparable<ComputeCapability> {
  /** Turing: the oldest that nvcc 13.0 compiles for. */
  static final ComputeCapability OLDEST = new ComputeCapability(7, 5);

  @Override
  public int compareTo(ComputeCapability other) {
    return major == other.major
        ? Integer.compare(minor, other.minor)
        : Integer.compare(major, other.major);
  }

  @Override
  public String toString() {
    return major + "." + minor;
  }
}
