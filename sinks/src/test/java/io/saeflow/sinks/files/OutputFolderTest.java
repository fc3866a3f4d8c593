// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.files;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class OutputFolderTest {
  private final OutputFolder out = new OutputFolder(Path.of("/data/out"));

  @Test
  void joinsPathsBelowTheRoot() {
    assertThat(out.resolve("sae-viewer", "v5_32k/layer_8/resid_post_mlp", "blocks.8.hook_x"))
        .isEqualTo(Path.of("/data/out/sae-viewer/v5_32k/layer_8/resid_post_mlp/blocks.8.hook_x"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "", ".", "..", "../x", "a/../b", "a/..", "/etc", "a//b", "a/", ".hidden", "-rf", "a\\b",
        "C:x", "a\0b", "a\nb", "~", "a b", "\u00e9"
      })
  void refusesWhatIsNotARelativePathOfPlainNames(String path) {
    assertThatThrownBy(() -> OutputFolder.requireRelative("SAE path", path))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("SAE path: '" + path + "' (expected: a relative path");
    assertThatThrownBy(() -> out.resolve("ok", path)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void refusesANameThatFileSystemsRefuse() {
    assertThat(OutputFolder.requireRelative("id", "x".repeat(200))).hasSize(200);
    assertThatThrownBy(() -> OutputFolder.requireRelative("id", "x".repeat(201)))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
