// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.fuzz;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * One reader of untrusted bytes.
 *
 * @param name names it in reports
 * @param file the name of the input's file; messages have none, and ignore it
 * @param neighbours the valid files that lie beside it, by name
 * @param seeds inputs to begin with: valid ones, or almost
 * @param attacks inputs to read as they are, since they are large
 * @param mutator makes an input of a seed
 * @param declared what the reader may throw
 * @param multiple how many bytes it may allocate, in one step, for each byte of the folder
 * @param reader reads the whole input, as the program would
 */
record Target(
    String name,
    String file,
    Map<String, Path> neighbours,
    List<byte[]> seeds,
    List<byte[]> attacks,
    Mutator mutator,
    Class<? extends Exception> declared,
    int multiple,
    Reader reader) {

  /** Reads one input. */
  interface Reader {
    /**
     * Reads {@code bytes}, which are also in {@code file}.
     *
     * @param step to be called between one thing read and the next, such as two tensors of a file:
     *     memory is counted anew from there
     */
    void read(byte[] bytes, Path file, Runnable step) throws Exception;
  }
}
