// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.tensorfile;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Any one byte of a file may be wrong: it is then read, or refused by the declared exception. */
class DamagedFileTest {
  private static final int[] MASKS = {0x01, 0x80, 0xff};

  @TempDir Path folder;

  @ParameterizedTest
  @ValueSource(strings = {"tensors.safetensors", "state.pt", "state-protocol4.pt", "tokens-i4.npy"})
  void isReadOrRefused(String name) throws Exception {
    byte[] bytes = Files.readAllBytes(Fixtures.path(name));
    Path path = folder.resolve(name);
    int refused = 0;
    int step = 1 + bytes.length / 1000; // all would take a minute
    for (int i = 0; i < bytes.length; i += step) {
      byte good = bytes[i];
      bytes[i] = (byte) (good ^ MASKS[i % MASKS.length]);
      Files.write(path, bytes);
      try {
        readAll(path);
      } catch (TensorFileException e) {
        assertThat(e.getMessage()).startsWith(name + ": ");
        refused++;
      } catch (RuntimeException e) {
        throw new AssertionError("byte %d: %02x".formatted(i, bytes[i]), e);
      }
      bytes[i] = good;
    }
    assertThat(refused).isPositive();
  }

  private static void readAll(Path path) throws TensorFileException {
    if (path.toString().endsWith(".npy")) {
      try (NumpyFile file = NumpyFile.open(path)) {
        for (long row = 0; row < file.rows(); row++) {
          assertThat(file.row(row)).hasSize(file.columns());
        }
      }
      return;
    }
    TensorFileException last = null;
    try (TensorFile file =
        path.toString().endsWith(".pt") ? TorchCheckpoint.open(path) : Safetensors.open(path)) {
      for (String name : file.names()) {
        try {
          assertThat(file.floats(name)).isNotNull();
        } catch (TensorFileException e) {
          last = e;
        }
      }
    }
    if (last != null && !last.getMessage().contains("dtype")) {
      throw last;
    }
  }
}
