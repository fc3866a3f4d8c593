// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.files;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class AtomicFileTest {
  @TempDir Path folder;

  @ParameterizedTest
  @EnumSource
  void replacesAFileAndLeavesNothingElse(Durability durability) throws IOException {
    Path target = folder.resolve("a/b/file.json");
    AtomicFile.write(target, durability, out -> out.write(1));
    AtomicFile.write(target, durability, out -> out.write(2));
    assertThat(target).hasBinaryContent(new byte[] {2});
    assertThat(target.getParent()).isDirectoryNotContaining(path -> !path.equals(target));
  }

  @Test
  void keepsTheOldFileWhenWritingFails() throws IOException {
    Path target = folder.resolve("file");
    AtomicFile.write(target, Durability.BUFFERED, out -> out.write(1));
    assertThatThrownBy(
            () ->
                AtomicFile.write(
                    target,
                    Durability.BUFFERED,
                    out -> {
                      out.write(2);
                      throw new IOException("disk full");
                    }))
        .isInstanceOf(IOException.class)
        .hasMessage(target + ": disk full (expected: a folder that can be written, with room)");
    assertThat(target).hasBinaryContent(new byte[] {1});
    assertThat(folder).isDirectoryNotContaining(path -> !path.equals(target));
  }

  @Test
  void theFileHasNoNameUntilItIsWhole() throws IOException {
    Path target = folder.resolve("file");
    AtomicFile.write(
        target,
        Durability.BUFFERED,
        out -> {
          out.write(1);
          out.flush();
          assertThat(target).doesNotExist();
          assertThat(folder.resolve(".file.part")).exists();
        });
    assertThat(target).exists();
  }

  @Test
  void movesAFinishedFile() throws IOException {
    Path aside = Files.write(folder.resolve("aside"), new byte[] {3});
    Path target = folder.resolve("new/folder/file");
    AtomicFile.move(aside, target, Durability.FORCED);
    assertThat(aside).doesNotExist();
    assertThat(target).hasBinaryContent(new byte[] {3});
  }
}
