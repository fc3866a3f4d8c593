// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.fuzz;

import io.saeflow.schemas.tensorfile.Dtype;
import io.saeflow.schemas.tensorfile.SafetensorsWriter;
import io.saeflow.schemas.tensorfile.TensorFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.List;

/** A tensor that lies outside of the folder, which no name inside a file may lead to. */
final class Secret {
  static final String FILE = "outside.safetensors";

  /** A link to it, inside the folder. */
  static final String LINK = "link.safetensors";

  static final String TENSOR = "secret";

  private Secret() {}

  static void write(Path file) throws IOException {
    try (SafetensorsWriter writer =
        SafetensorsWriter.create(
            file, List.of(new SafetensorsWriter.Declaration(TENSOR, Dtype.F32, List.of(1L))))) {
      writer.write(ByteBuffer.allocate(Float.BYTES));
    }
  }

  static void requireUnseen(TensorFile file) {
    if (file.names().contains(TENSOR)) {
      throw new AssertionError("a file outside of the folder was opened");
    }
  }
}
