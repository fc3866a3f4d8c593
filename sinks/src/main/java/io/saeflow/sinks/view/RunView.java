// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.view;

import com.fasterxml.jackson.databind.JsonNode;
import io.saeflow.sinks.files.OutputFolder;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** A run as its files say. */
final class RunView implements Closeable {
  private final Path file;
  private final @Nullable Object key;
  private final String run;
  private final String subject;
  private final int contextLength;
  private final int window;
  private final List<String> labels = new ArrayList<>();
  private final Vocabulary vocabulary;
  private final ProgressHistory progress;
  private final Map<String, SaeView> saes = new LinkedHashMap<>();

  /**
   * Opens the run in a folder.
   *
   * @throws NoSuchFileException if there is none
   * @throws IOException if its files cannot be read, or are not what a run writes
   */
  static RunView open(OutputFolder out) throws IOException {
    return new RunView(out);
  }

  private RunView(OutputFolder out) throws IOException {
    file = out.resolve(ViewFiles.RUN);
    key = key(file);
    JsonNode json = Json.READER.readTree(Files.readAllBytes(file));
    run = text(json, "run");
    subject = text(json, "subject");
    contextLength = json.path("contextLength").asInt();
    window = json.path("window").asInt();
    json.path("labels").forEach(label -> labels.add(label.asText()));
    for (JsonNode sae : json.path("saes")) {
      String id = text(sae, "id");
      int latents = sae.path("latents").asInt();
      if (latents < 1) {
        throw new IOException("%s: latents: %d (expected: >= 1)".formatted(file, latents));
      }
      saes.put(
          id,
          new SaeView(
              new SaeView.Description(
                  id,
                  text(sae, "hook"),
                  latents,
                  text(sae, "architecture"),
                  sae.path("k").isInt() ? sae.path("k").asInt() : null),
              out.resolve(ViewFiles.records(id))));
    }
    vocabulary = Vocabulary.read(out.resolve(ViewFiles.VOCABULARY));
    progress = new ProgressHistory(out.resolve(ViewFiles.PROGRESS));
  }

  /** Whether another run has begun in the same folder. */
  boolean replaced() throws IOException {
    try {
      return !Objects.equals(key, key(file));
    } catch (NoSuchFileException e) {
      return false; // its successor is about to come
    }
  }

  String run() {
    return run;
  }

  String subject() {
    return subject;
  }

  int contextLength() {
    return contextLength;
  }

  int window() {
    return window;
  }

  /** The label fields' definitions, each {@code FIELD} or {@code FIELD:WIDTH}. */
  List<String> labels() {
    return labels;
  }

  Vocabulary vocabulary() {
    return vocabulary;
  }

  ProgressHistory progress() {
    return progress;
  }

  Collection<SaeView> saes() {
    return saes.values();
  }

  Optional<SaeView> sae(String id) {
    return Optional.ofNullable(saes.get(id));
  }

  @Override
  public void close() throws IOException {
    for (SaeView sae : saes.values()) {
      sae.close();
    }
  }

  private static @Nullable Object key(Path file) throws IOException {
    return Files.readAttributes(file, BasicFileAttributes.class).fileKey();
  }

  private String text(JsonNode json, String field) throws IOException {
    JsonNode value = json.path(field);
    if (!value.isTextual()) {
      throw new IOException("%s: no text '%s' (expected: a file of view)".formatted(file, field));
    }
    return value.asText();
  }
}
