// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.tensorfile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ShardedSafetensorsTest {
  @TempDir Path folder;

  @Test
  void joinsTheShards() throws Exception {
    Path index = Fixtures.path("sharded/model.safetensors.index.json");
    try (ShardedSafetensors file = ShardedSafetensors.open(index)) {
      assertThat(file.names()).containsExactly("first", "second");
      assertThat(file.shape("second")).containsExactly(3L);
      assertThat(file.floats("first")).containsExactly(Fixtures.ramp(2));
      assertThat(file.floats("second")).containsExactly(Fixtures.ramp(3));
      assertThatThrownBy(() -> file.shape("third"))
          .hasMessage(
              "model.safetensors.index.json: tensor 'third' (expected one of first, second)");
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "../a.safetensors",
        "..",
        ".",
        "/etc/passwd",
        "b/a.safetensors",
        "b\\\\a",
        "C:a",
        "",
        "a\\n"
      })
  void refusesANameThatLeadsOut(String name) throws Exception {
    Path index = index("{\"weight_map\":{\"w\":\"" + name + "\"}}");
    assertThatThrownBy(() -> ShardedSafetensors.open(index))
        .isInstanceOf(TensorFileException.class)
        .hasMessageStartingWith("model.safetensors.index.json: tensor 'w': file ")
        .hasMessageEndingWith("(expected: a file's name, inside the index's folder)");
  }

  @Test
  void refusesALinkThatLeadsOut() throws Exception {
    Path outside = folder.resolve("outside.safetensors");
    Files.copy(Fixtures.path("tensors.safetensors"), outside);
    Path inside = Files.createDirectory(folder.resolve("inside"));
    Files.createSymbolicLink(inside.resolve("a.safetensors"), outside);
    Path index =
        Files.move(
            index("{\"weight_map\":{\"f32\":\"a.safetensors\"}}"),
            inside.resolve("model.safetensors.index.json"));
    assertThatThrownBy(() -> ShardedSafetensors.open(index))
        .hasMessage(
            "model.safetensors.index.json: tensor 'f32': file \"a.safetensors\" is a link out of"
                + " the folder (expected: a file inside it)");
  }

  @Test
  void readsTheLinksOfAHuggingFaceCache() throws Exception {
    Path snapshot = Files.createDirectories(folder.resolve("snapshots/abc"));
    Path blobs = Files.createDirectory(folder.resolve("blobs"));
    Path blob = Files.copy(Fixtures.path("tensors.safetensors"), blobs.resolve("0123"));
    Files.createSymbolicLink(snapshot.resolve("a.safetensors"), Path.of("../../blobs/0123"));
    Path index =
        Files.move(
            index("{\"weight_map\":{\"f32\":\"a.safetensors\"}}"),
            snapshot.resolve("model.safetensors.index.json"));
    try (ShardedSafetensors file = ShardedSafetensors.open(index)) {
      assertThat(file.names()).containsExactly("f32");
    }
    Files.move(blob, folder.resolve("0123"));
    Files.delete(snapshot.resolve("a.safetensors"));
    Files.createSymbolicLink(snapshot.resolve("a.safetensors"), Path.of("../../0123"));
    assertThatThrownBy(() -> ShardedSafetensors.open(index))
        .hasMessageContaining("is a link out of the folder");
  }

  /** Half a surrogate pair is no file name, in any encoding. */
  @Test
  void refusesANameThatNoFileCanHave() throws Exception {
    Path index = index("{\"weight_map\":{\"f32\":\"\\ud800\"}}");
    assertThatThrownBy(() -> ShardedSafetensors.open(index))
        .isInstanceOf(TensorFileException.class)
        .hasMessageStartingWith("model.safetensors.index.json: ");
  }

  @Test
  void refusesATensorThatIsNotWhereTheIndexSays() throws Exception {
    Files.copy(Fixtures.path("tensors.safetensors"), folder.resolve("a.safetensors"));
    Path index = index("{\"weight_map\":{\"f32\":\"a.safetensors\",\"w\":\"a.safetensors\"}}");
    assertThatThrownBy(() -> ShardedSafetensors.open(index))
        .hasMessage("model.safetensors.index.json: tensor 'w' (expected: in a.safetensors)");
  }

  @Test
  void refusesWhatIsNoIndex() throws Exception {
    assertThatThrownBy(() -> ShardedSafetensors.open(index("[]")))
        .hasMessage("model.safetensors.index.json: weight_map: MISSING (expected: an object)");
    assertThatThrownBy(() -> ShardedSafetensors.open(index("{\"weight_map\":")))
        .isInstanceOf(TensorFileException.class)
        .hasMessageStartingWith("model.safetensors.index.json: Unexpected end-of-input");
    Path missing = index("{\"weight_map\":{\"w\":\"gone.safetensors\"}}");
    assertThatThrownBy(() -> ShardedSafetensors.open(missing))
        .isInstanceOf(TensorFileException.class)
        .hasMessageContaining("gone.safetensors: NoSuchFileException");
  }

  private Path index(String json) throws Exception {
    return Files.writeString(folder.resolve("model.safetensors.index.json"), json);
  }
}
