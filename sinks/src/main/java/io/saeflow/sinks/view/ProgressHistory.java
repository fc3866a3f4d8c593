// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.view;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The lines of a growing progress log, thinned evenly to a bounded number that always includes the
 * first and the last. {@link #poll} is for one thread, the rest for any.
 */
final class ProgressHistory {
  /** The most lines that are kept. */
  static final int MOST = 500;

  /** Far longer than any line. */
  private static final int READ_BYTES = 1 << 20;

  private final Path file;
  private final List<String> kept = new ArrayList<>();
  private @Nullable Object key;
  private long position;
  private long lines;
  private int stride = 1;
  private @Nullable String lastLine;
  private @Nullable JsonNode last;

  ProgressHistory(Path file) {
    this.file = file;
  }

  /** Reads what was appended; from the beginning, if the file has been replaced or cut. */
  synchronized List<String> poll() throws IOException {
    List<String> fresh = new ArrayList<>();
    try {
      BasicFileAttributes attributes = Files.readAttributes(file, BasicFileAttributes.class);
      if (!Objects.equals(key, attributes.fileKey()) || attributes.size() < position) {
        restart(attributes.fileKey());
      }
      try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
        ByteBuffer buffer = ByteBuffer.allocate(READ_BYTES);
        while (channel.read(buffer.clear(), position) > 0) {
          String text = new String(buffer.array(), 0, wholeLines(buffer), StandardCharsets.UTF_8);
          if (text.isEmpty()) {
            break;
          }
          position += wholeLines(buffer);
          text.lines().filter(this::add).forEach(fresh::add);
        }
      }
    } catch (NoSuchFileException e) {
      // It has not begun.
    }
    return fresh;
  }

  /** The lines, each a JSON object. */
  synchronized List<String> lines() {
    List<String> all = new ArrayList<>(kept);
    if (lastLine != null && (lines - 1) % stride != 0) {
      all.add(lastLine);
    }
    return all;
  }

  /** The last line, parsed. */
  synchronized Optional<JsonNode> last() {
    return Optional.ofNullable(last);
  }

  /** The last line. */
  synchronized Optional<String> lastLine() {
    return Optional.ofNullable(lastLine);
  }

  private void restart(@Nullable Object fileKey) {
    key = fileKey;
    position = 0;
    lines = 0;
    stride = 1;
    kept.clear();
    lastLine = null;
    last = null;
  }

  private static int wholeLines(ByteBuffer buffer) {
    int end = buffer.position();
    while (end > 0 && buffer.get(end - 1) != '\n') {
      end--;
    }
    return end;
  }

  /** Takes a line; one that is no JSON object is left out. */
  private boolean add(String line) {
    JsonNode parsed;
    try {
      parsed = Json.READER.readTree(line);
    } catch (JsonProcessingException e) {
      return false;
    }
    if (!parsed.isObject()) {
      return false;
    }
    if (lines % stride == 0) {
      kept.add(line);
      if (kept.size() == MOST) {
        for (int i = 0; i < MOST / 2; i++) {
          kept.set(i, kept.get(2 * i));
        }
        kept.subList(MOST / 2, MOST).clear();
        stride *= 2;
      }
    }
    lines++;
    lastLine = line;
    last = parsed;
    return true;
  }
}
