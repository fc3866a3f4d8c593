// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.tensorfile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FileDigestTest {
  @TempDir Path directory;

  @Test
  void givesTheStandardsExample() throws Exception {
    Path file = Files.writeString(directory.resolve("a"), "abc");
    assertThat(FileDigest.sha256(file))
        .isEqualTo("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  }

  @Test
  void readsFilesLongerThanItsBuffer() throws Exception {
    Path file = Files.writeString(directory.resolve("a"), "a".repeat(1_000_000));
    assertThat(FileDigest.sha256(file))
        .isEqualTo("cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  }

  @Test
  void failsOnAMissingFile() {
    assertThatThrownBy(() -> FileDigest.sha256(directory.resolve("missing")))
        .isInstanceOf(IOException.class);
  }
}
