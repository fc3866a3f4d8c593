// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.files;

/** How sure a file must be before it takes its final name. */
public enum Durability {
  /** Handed to the operating system; survives a crash of this process. */
  BUFFERED,
  /** Forced to the device; survives a crash of the machine. */
  FORCED
}
