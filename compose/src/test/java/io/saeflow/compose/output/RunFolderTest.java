// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.output;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.saeflow.compose.config.BadInputException;
import io.saeflow.compose.config.ExistingOutput;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class RunFolderTest {
  @TempDir private Path temporary;
  private Path out;

  @BeforeEach
  void nameTheFolder() {
    out = temporary.resolve("out");
  }

  @ParameterizedTest
  @EnumSource(ExistingOutput.class)
  void aNewOrEmptyFolderIsTaken(ExistingOutput existing) throws IOException {
    RunFolder.check(out, existing);
    assertThat(out).doesNotExist();

    Files.createDirectories(out);
    try (RunFolder folder = RunFolder.check(out, existing).open()) {
      assertThat(folder.root()).isDirectory();
      assertThat(folder.brokerLog()).isEqualTo(out.resolve(".saeflow").resolve("broker"));
      assertThat(folder.streamsState()).isEqualTo(out.resolve(".saeflow").resolve("streams"));
      assertThat(folder.manifest()).isEqualTo(out.resolve("manifest.json"));
    }
  }

  @Test
  void aFullFolderIsRefusedAndBothWaysOutAreNamed() throws IOException {
    write("notes.txt");

    assertThatThrownBy(() -> RunFolder.check(out, ExistingOutput.REFUSE))
        .isInstanceOf(BadInputException.class)
        .hasMessageContaining(out.toString())
        .hasMessageContaining("not empty")
        .hasMessageContaining("--resume")
        .hasMessageContaining("--overwrite");
  }

  @Test
  void overwritingDeletesWhatSaeflowWroteOnly() throws IOException {
    write("manifest.json");
    write("sae-viewer/gpt2/sae/atoms/0.json");
    write("neuron-records/sae/collated_activations/0/0.json");
    write("delphi/latents/h/0_9.safetensors");
    write(".saeflow/broker/meta.properties");
    write(".spool/delphi/sae/tokens");
    Path outside = Files.writeString(temporary.resolve("outside.txt"), "mine");
    Files.createSymbolicLink(out.resolve("delphi/link"), temporary);

    try (RunFolder folder = RunFolder.check(out, ExistingOutput.OVERWRITE).open()) {
      assertThat(folder.root()).isDirectoryNotContaining(path -> !path.endsWith(".saeflow"));
      assertThat(folder.brokerLog()).doesNotExist();
    }
    assertThat(outside).hasContent("mine");
  }

  @Test
  void overwritingRefusesAFolderWithAnythingElse() throws IOException {
    write("manifest.json");
    write("thesis.tex");

    assertThatThrownBy(() -> RunFolder.check(out, ExistingOutput.OVERWRITE))
        .isInstanceOf(BadInputException.class)
        .hasMessageContaining("holds thesis.tex")
        .hasMessageContaining("--overwrite deletes nothing else");
    assertThat(out.resolve("manifest.json")).exists();
  }

  @Test
  void resumingKeepsEverything() throws IOException {
    write(".saeflow/broker/meta.properties");
    write("delphi/latents/h/0_9.safetensors");

    try (RunFolder folder = RunFolder.check(out, ExistingOutput.RESUME).open()) {
      assertThat(folder.brokerLog().resolve("meta.properties")).exists();
      assertThat(out.resolve("delphi/latents/h/0_9.safetensors")).exists();
    }
  }

  @Test
  void resumingNeedsARun() throws IOException {
    write("thesis.tex");

    assertThatThrownBy(() -> RunFolder.check(out, ExistingOutput.RESUME))
        .isInstanceOf(BadInputException.class)
        .hasMessageContaining("holds no run to resume");
  }

  @Test
  void aFileIsNoFolder() throws IOException {
    Files.writeString(out, "");

    assertThatThrownBy(() -> RunFolder.check(out, ExistingOutput.OVERWRITE))
        .isInstanceOf(BadInputException.class)
        .hasMessageContaining("expected: a folder, or nothing");
  }

  @Test
  void oneRunAtATime() throws IOException {
    try (RunFolder folder = RunFolder.check(out, ExistingOutput.REFUSE).open()) {
      RunFolder second = RunFolder.check(folder.root(), ExistingOutput.OVERWRITE);
      assertThatThrownBy(second::open)
          .isInstanceOf(BadInputException.class)
          .hasMessageContaining("in use by another run");
    }
    try (RunFolder folder = RunFolder.check(out, ExistingOutput.RESUME).open()) {
      assertThat(folder.root()).isDirectory();
    }
  }

  private void write(String path) throws IOException {
    Path file = out.resolve(path);
    Files.createDirectories(file.getParent());
    Files.writeString(file, "x");
  }
}
